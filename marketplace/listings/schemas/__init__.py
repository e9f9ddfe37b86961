"""What the routes of listings take and give, one module per subject."""

from marketplace.listings.schemas.findings import FindingOut, Findings, FindingSource
from marketplace.listings.schemas.listing import (
    CatalogueListing,
    CataloguePage,
    EvidenceList,
    EvidenceOut,
    ListingChange,
    ListingDetail,
    ListingDraft,
    ListingOut,
    ListingPage,
    ListingText,
)
from marketplace.listings.schemas.position import PositionBody

__all__ = [
    "CatalogueListing",
    "CataloguePage",
    "EvidenceList",
    "EvidenceOut",
    "FindingOut",
    "FindingSource",
    "Findings",
    "ListingChange",
    "ListingDetail",
    "ListingDraft",
    "ListingOut",
    "ListingPage",
    "ListingText",
    "PositionBody",
]
