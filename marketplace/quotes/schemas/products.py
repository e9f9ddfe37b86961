"""Products as quotes show them."""

from typing import Annotated, Self

import msgspec
from msgspec import Meta

from marketplace.licensing.catalogue import Metric, Product, load_catalogue


class ProductOut(msgspec.Struct, frozen=True):
    """A product of the catalogue."""

    key: Annotated[str, Meta(examples=["ws_cal-2019-user"])]
    name: Annotated[str, Meta(examples=["Windows Server 2019 User CAL"])]
    family: str
    version: str
    metric: Metric

    @classmethod
    def of(cls, product: Product) -> Self:
        """Build from the domain value."""
        return cls(
            key=product.key,
            name=load_catalogue().product_name(product),
            family=product.family,
            version=product.version,
            metric=product.metric,
        )
