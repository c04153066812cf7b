"""A data centre's FDSN web services, through ObsPy's client: what it answers, or why not in a sentence."""

import http.client
import io
import logging
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

from obspy.clients.fdsn import Client
from obspy.clients.fdsn import header as fdsn

log = logging.getLogger(__name__)

TOKENS = ("-----BEGIN PGP MESSAGE", "-----BEGIN PGP SIGNED MESSAGE")  # how EIDA's begin
LARGEST_CREDENTIALS_BYTES = 2**16
LONGEST_REASON = 200  # characters of what a server says
# Errors after which the same request may succeed.
PASSING = (
    fdsn.FDSNTimeoutException,
    fdsn.FDSNTooManyRequestsException,
    fdsn.FDSNInternalServerException,
    fdsn.FDSNBadGatewayException,
    fdsn.FDSNServiceUnavailableException,
    http.client.HTTPException,  # an answer that ends early
    OSError,
    EOFError,
    zlib.error,
)
PASSING_CODES = ("408", "504")  # timeouts of HTTP, which ObsPy has no names for
UNKNOWN_CODE = "Unknown HTTP code: "  # its word for those
NO_ANSWER = "Unknown Error"  # ObsPy's word for an exchange that ended without a status of HTTP
TOO_LONG = (
    "the question is too long for this data centre (status 414): ask for fewer source.stations or networks, "
    "or by a pattern such as A*"
)
OVER_LIMIT = ("exceeds", "limit")  # in the text of status 400, which some event services send in place of 413


class NoDataError(Exception):
    """There is nothing of what was asked for (status 204)."""


class RefusedError(Exception):
    """The request failed, for a reason that its text says."""


class TooMuchError(RefusedError):
    """More was asked for than is given at once (status 413)."""


class NoAnswerError(RefusedError):
    """Nobody answered, however often asked."""


class DataCentre:
    """One data centre.

    name: one that ObsPy knows, or an address. credentials_file: an EIDA token, or a line `user:password`;
    what it holds is in no message. pause_s: before a request is repeated, and twice as long each time after.
    Raises ValueError for a name nobody knows or a file that holds no credentials, ConnectionError where no
    web services answer or one of those wanted is missing.
    """

    def __init__(
        self,
        name: str,
        services: tuple[str, ...],
        *,
        timeout_s: float,
        n_retries: int,
        pause_s: float,
        credentials_file: str | None = None,
        key: str = "source.client",
    ) -> None:
        self.name, self._n_retries, self._pause_s = name, n_retries, pause_s
        known = name.upper() in fdsn.URL_MAPPINGS
        if not known and "://" not in name:
            raise ValueError(
                f"{key}={name} is no data centre that ObsPy knows ({', '.join(sorted(fdsn.URL_MAPPINGS))}): "
                "take one of these, or an address such as https://service.example.org"
            )
        token, user, password = _credentials(credentials_file)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of parameters that a service does not know
                self._client = Client(name, timeout=timeout_s, user=user, password=password)
        except ValueError as error:
            raise ValueError(f"{key}={name}: {_short(error)}") from None
        except (fdsn.FDSNException, OSError) as error:
            raise ConnectionError(
                f"no FDSN web services answer at {key}={name}: check the name or address, and the connection "
                f"({_short(error)})"
            ) from None
        if token is not None:
            self._exchange(token, f"{key}={name}", f"source.credentials_file={credentials_file}")
        missing = [service for service in services if service not in self._client.services]
        if missing:
            offered = ", ".join(each for each in fdsn.FDSNWS if each in self._client.services)
            remedy = "; source.event_client=null does without a catalogue" if "event" in missing else ""
            raise ConnectionError(
                f"{key}={name} offers {offered}, and no service {', '.join(missing)}: choose another{remedy}"
            )

    def _exchange(self, token: str, centre: str, file: str) -> None:
        """An EIDA token for the user and the password of some hours, over TLS, whatever the address says."""
        try:
            self._client.set_eida_token(token)
        except fdsn.FDSNNoAuthenticationServiceException:
            raise ValueError(
                f"{centre} takes no tokens, and {file} holds one: give the file with the user and the "
                "password that this data centre gave you"
            ) from None
        except (fdsn.FDSNException, ValueError) as error:
            why = "" if isinstance(error, ValueError) else f" ({_short(error)})"
            raise ValueError(
                f"{centre} does not accept the token in {file}{why}: tokens expire; get a new one where you "
                "had this from"
            ) from None

    def takes(self, service: str, parameter: str) -> bool:
        """Whether a service knows a parameter."""
        return parameter in self._client.services[service]

    def ask(self, service: str, **parameters: Any) -> bytes:
        """What a service answers to a query.

        Raises NoDataError, TooMuchError, and RefusedError with the reason; after repeating what may succeed.
        """
        query = {
            "dataselect": self._client.get_waveforms,
            "station": self._client.get_stations,
            "event": self._client.get_events,
        }[service]
        failed = RefusedError()
        for n_before in range(self._n_retries + 1):
            if n_before:
                log.debug("%s, asked again: %s", service, failed)
                time.sleep(self._pause_s * 2 ** (n_before - 1))
            answer = io.BytesIO()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    query(**parameters, filename=answer)
                return answer.getvalue()
            except PASSING as error:
                failed = RefusedError(_short(error))
            except NotImplementedError:  # ObsPy's of status 414
                raise RefusedError(TOO_LONG) from None
            except fdsn.FDSNException as error:
                failure = _failure(error)
                may_pass = isinstance(failure, NoAnswerError) or _may_pass(error)
                if not (may_pass and isinstance(failure, RefusedError)):
                    raise failure from None
                failed = failure
        raise failed


def _failure(error: fdsn.FDSNException) -> Exception:
    if isinstance(error, fdsn.FDSNNoDataException):
        return NoDataError()
    too_much = isinstance(error, fdsn.FDSNRequestTooLargeException)
    text = str(error).lower()
    if too_much or (
        isinstance(error, fdsn.FDSNBadRequestException) and all(word in text for word in OVER_LIMIT)
    ):
        return TooMuchError(_short(error))
    if isinstance(error, fdsn.FDSNUnauthorizedException | fdsn.FDSNForbiddenException):
        return RefusedError(f"restricted to others than source.credentials_file names: {_short(error)}")
    kind = NoAnswerError if str(error).startswith(NO_ANSWER) else RefusedError
    return kind(_short(error))


def _may_pass(error: fdsn.FDSNException) -> bool:
    """Whether a gateway or the server has waited for too long."""
    return str(error).startswith(tuple(f"{UNKNOWN_CODE}{code}" for code in PASSING_CODES))


def _short(error: Exception) -> str:
    """One line of what ObsPy or the server says, or what kind of error it is."""
    text = " ".join(str(error).replace("Detailed response of server:", "").split())
    return text[:LONGEST_REASON] or type(error).__name__


def _credentials(file: str | None) -> tuple[str | None, str | None, str | None]:
    """Token, user and password; ValueError naming the file, and not what is in it."""
    if file is None:
        return None, None, None
    path = Path(file).expanduser()
    size = path.stat().st_size
    text = path.read_bytes()[:LARGEST_CREDENTIALS_BYTES].decode("utf-8", errors="replace").strip()
    if text.startswith(TOKENS):
        return text, None, None
    user, colon, password = text.partition(":")
    if size > LARGEST_CREDENTIALS_BYTES or not (user and colon and password) or "\n" in text:
        raise ValueError(
            f"source.credentials_file={file} holds neither an EIDA token (it begins {TOKENS[0]}) nor a "
            "single line user:password"
        )
    return None, user, password
