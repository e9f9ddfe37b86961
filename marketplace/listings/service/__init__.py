"""Use cases of listings: the stage's face towards later stages, workers and its own routes."""

from marketplace.listings.service.deciding import (
    findings_of,
    load_submission,
    publish_listing,
    reject_listing,
    send_back_listing,
)
from marketplace.listings.service.market import (
    offers_for,
    search_catalogue,
    show_catalogue_listing,
    units_changed,
)
from marketplace.listings.service.papers import (
    attach_evidence,
    list_evidence,
    load_evidence,
    load_whole_listing,
)
from marketplace.listings.service.selling import (
    Changes,
    Draft,
    change_listing,
    check_listing,
    end_listing,
    expire_due_listings,
    expire_listing,
    list_listings,
    load_listing,
    load_listings,
    post_listing,
    revalue_listings,
    submit_listing,
    take_back_units,
    withdraw_listing,
)

__all__ = [
    "Changes",
    "Draft",
    "attach_evidence",
    "change_listing",
    "check_listing",
    "end_listing",
    "expire_due_listings",
    "expire_listing",
    "findings_of",
    "list_evidence",
    "list_listings",
    "load_evidence",
    "load_listing",
    "load_listings",
    "load_submission",
    "load_whole_listing",
    "offers_for",
    "post_listing",
    "publish_listing",
    "reject_listing",
    "revalue_listings",
    "search_catalogue",
    "send_back_listing",
    "show_catalogue_listing",
    "submit_listing",
    "take_back_units",
    "units_changed",
    "withdraw_listing",
]
