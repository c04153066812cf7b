"""In the place of jaxtyping where it is not installed: annotations of shapes say nothing to a machine."""

from typing import Any


class _Shaped:
    def __class_getitem__(cls, item: Any) -> Any:
        return item[0] if isinstance(item, tuple) else item


Bool = Float = Float32 = Float64 = Int = Int64 = Complex128 = _Shaped
