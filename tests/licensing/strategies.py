"""Any position, any papers, any day: what the property tests draw from."""

from datetime import date

from hypothesis import strategies as st

from marketplace.licensing.catalogue import Metric, load_catalogue
from marketplace.licensing.eligibility.positions import (
    SELLER,
    CeaseUse,
    ChainLink,
    Declared,
    EvidenceKind,
    FirstSeller,
    FromSaSubscription,
    Medium,
    OrderedUnit,
    PaperState,
    SaStatus,
    SellerRole,
    SourcePosition,
    Term,
)
from marketplace.licensing.programmes import load_programmes
from marketplace.licensing.zones import Zone

CATALOGUE = load_catalogue()

days = st.dates(min_value=date(2008, 1, 1), max_value=date(2035, 12, 31))
# What somebody may type: the calendar's ends included.
any_days = days | st.sampled_from([date.min, date.max])
quantities = st.integers(min_value=-2, max_value=250)
kind_lists = st.lists(st.sampled_from(EvidenceKind), max_size=6)
declarations = st.builds(
    CeaseUse, quantity=quantities, ended_on=days, licence_server_removed=st.booleans()
)
zones = st.none() | st.sampled_from(Zone)

owners = st.sampled_from(["a", "b", "c", SELLER])
links = st.builds(
    ChainLink,
    transferor=owners,
    transferee=owners,
    quantity=quantities,
    transferred_on=st.none() | any_days,
    deed=st.sampled_from(PaperState),
    cease_use=st.sampled_from(PaperState),
    ceased_quantity=quantities,
    ceased_on=st.none() | any_days,
    licence_server_removed=st.booleans(),
)
subscriptions = st.builds(
    FromSaSubscription, bought_on=st.none() | any_days, ends_on=st.none() | any_days
)
positions = st.builds(
    SourcePosition,
    product=st.sampled_from(sorted(CATALOGUE.products.values())),
    programme=st.sampled_from([*load_programmes().programmes, "barter"]),
    acquired=quantities,
    offered=quantities,
    retained=quantities,
    sold_earlier=quantities,
    offered_elsewhere=quantities,
    agreement_number=st.sampled_from(["", "A-1"]),
    identifiers=st.dictionaries(
        st.sampled_from(["licence_number", "buyout_order", "product_sku_id"]),
        st.sampled_from(["1", "DG7GMGF0DVSV:000P"]),
    ),
    part_number=st.sampled_from(["", "R18-99999", *CATALOGUE.part_numbers]),
    country=st.sampled_from(["", "DE", "GB", "CH", "US"]),
    first_sold_on=st.none() | any_days,
    first_seller=st.sampled_from(FirstSeller),
    free_of_charge=st.booleans(),
    segment=st.sampled_from([*load_programmes().segments, "friends"]),
    term=st.sampled_from(Term),
    paid_in_full=st.booleans(),
    term_end_on=st.none() | any_days,
    sa_ended_on=st.none() | any_days,
    ordered_unit=st.sampled_from(OrderedUnit),
    pack_size=st.none() | st.integers(min_value=-1, max_value=20),
    key_only=st.booleans(),
    purchased_version=st.sampled_from(
        ["", "2003", "2008 R2", "2012", "2016", "2019", "2025", "se"]
    ),
    purchased_metric=st.none() | st.sampled_from(Metric),
    metric_changed_at_sa_renewal_on=st.none() | any_days,
    sa_status=st.sampled_from(SaStatus),
    sa_started_on=st.none() | any_days,
    seller_role=st.sampled_from(SellerRole),
    first_acquirer=st.sampled_from(["", "a", "b"]),
    chain=st.lists(links, max_size=5).map(tuple),
    terms_edition=st.sampled_from(["", "2019-05", "2034-01", "oem", "retail", "my own"]),
    retention_covenant=st.sampled_from(Declared),
    from_sa_subscriptions=st.lists(subscriptions, max_size=3).map(tuple),
    medium=st.sampled_from(Medium),
    third_party_rights=st.sampled_from(Declared),
)
