"""What a sink is."""

from abc import ABC, abstractmethod

from fcn.alert.alert import Alert
from fcn.alert.heartbeat import Heartbeat
from fcn.alert.site_warning import ToldWarning


class Sink(ABC):
    """One place to say alerts; called by one thread, and free to take its time: nobody waits.

    OSError, of which TimeoutError and ConnectionError are kinds, says that the place is out of reach: it is
    tried again. Any other exception says that it will never take this one: it is given up.
    """

    every_version: bool = True  # False: of what waits, only the newest version of an event is of use here

    @abstractmethod
    def deliver(self, alert: Alert) -> None:
        """Say an alert; once this returns it is delivered. The same may come twice, which does no harm."""

    def beat(self, heartbeat: Heartbeat) -> None:
        """Say that the monitor lives; where this is not overridden nobody is told."""
        return

    def warn(self, told: ToldWarning) -> None:
        """Say what a site is warned of, as an alert is said; where this is not overridden nobody is told."""
        return

    def close(self) -> None:
        """Nothing more will come."""
        return
