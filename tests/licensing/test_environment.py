"""What an environment needs, group by group (R01, R05-R10, R14, RD05, RD06, RD09, X-...)."""

import itertools
from typing import Any

import msgspec
import pytest

from marketplace.kernel.errors import Malformed
from marketplace.licensing.catalogue import Metric
from marketplace.licensing.environments.coverage import (
    EnvironmentCoverage,
    GroupCoverage,
    Need,
    Option,
    cover_environment,
    statements_of,
)
from marketplace.licensing.environments.environment import (
    AccessModel,
    Edition,
    Environment,
    LicenceServers,
    OwnedCal,
    OwnedSubscription,
    People,
    ServerGroup,
    SessionHosts,
    Subscription,
    Use,
    checked,
    server_of,
)
from marketplace.licensing.environments.statements import Statement, statement_text
from marketplace.licensing.texts import catalogues
from tests.licensing.builders import product

STAFF = People(users=40, devices=30)


def server(version: str = "2019", **changes: Any) -> ServerGroup:
    fields: dict[str, Any] = {"line": "ws", "version": version}
    return ServerGroup(**(fields | changes))


def sql(version: str = "2019", **changes: Any) -> ServerGroup:
    fields = {"line": "sql", "version": version, "access": AccessModel.SERVER_CAL}
    return ServerGroup(**(fields | changes))


def host(version: str = "2019", **changes: Any) -> SessionHosts:
    return SessionHosts(version=version, **({"mode": Metric.USER} | changes))


def cover(*servers: ServerGroup, people: People = STAFF, **changes: Any) -> EnvironmentCoverage:
    return cover_environment(checked(Environment(servers=servers, people=people, **changes)))


def need_of(group: GroupCoverage, family: str) -> Need:
    (found,) = [row for row in group.needs if row.family == family]
    return found


def option_of(need: Need, metric: Metric) -> Option:
    (found,) = [row for row in need.options if row.metric is metric]
    return found


def keys(statements: tuple[Statement, ...]) -> list[str]:
    return [row.message_key.removeprefix("coverage.") for row in statements]


def versions(products: Any) -> str:
    return " ".join(row.version for row in products)


class TestChecked:
    def test_versions_become_ids(self) -> None:
        found = checked(
            Environment(
                servers=(server("2012 R2"), ServerGroup(line="exchange", version="SE")),
                session_hosts=(host("2008 r2"),),
                licence_servers=(LicenceServers(version="2012-R2"),),
            )
        )
        assert [row.version for row in found.servers] == ["2012r2", "se"]
        assert found.session_hosts[0].version == "2008r2"
        assert found.licence_servers[0].version == "2012r2"

    def test_every_unknown_server_is_pointed_at(self) -> None:
        described = Environment(
            servers=(server(), server("2030"), ServerGroup(line="oracle", version="19")),
            session_hosts=(host("2030"),),
            licence_servers=(LicenceServers(version="2003"),),
        )
        with pytest.raises(Malformed) as refused:
            checked(described, "/environment")
        assert refused.value.code == "environment.server_unknown"
        assert [row.pointer for row in refused.value.fields] == [
            "/environment/servers/1/version",
            "/environment/servers/2/line",
            "/environment/session_hosts/0/version",
            "/environment/licence_servers/0/version",
        ]
        assert "2012 R2" in refused.value.fields[0].detail
        assert "exchange" in refused.value.fields[1].detail

    def test_nothing_to_reach_is_refused(self) -> None:
        with pytest.raises(Malformed) as refused:
            checked(Environment(people=STAFF))
        assert refused.value.code == "environment.empty"

    def test_an_unchecked_version_is_a_defect(self) -> None:
        with pytest.raises(KeyError):
            server_of("ws", "2030")


class TestBaseCals:
    def test_oldest_sufficient_version_comes_first_by_user_or_device(self) -> None:
        (group,) = cover(server("2019")).groups
        need = need_of(group, "ws_cal")
        assert (need.statement.rule, group.target) == ("R01", "/servers/0")
        for metric, count in ((Metric.USER, 40), (Metric.DEVICE, 30)):
            option = option_of(need, metric)
            assert versions(option.products) == "2019 2022 2025"
            assert (option.quantity, option.unconfirmed) == (count, ())

    def test_r2_is_covered_by_2012(self) -> None:
        (group,) = cover(server("2012 R2")).groups
        option = option_of(need_of(group, "ws_cal"), Metric.USER)
        assert option.products[0].version == "2012"
        assert option.statement is not None
        assert option.statement.rule == "R03"

    def test_what_no_source_states_stands_apart(self) -> None:
        (group,) = cover(server("2008 R2")).groups
        option = option_of(need_of(group, "ws_cal"), Metric.USER)
        assert versions(option.unconfirmed) == "2008"
        assert versions(option.products) == "2012 2016 2019 2022 2025"

    def test_one_cal_serves_all_servers(self) -> None:
        assert "note_all_servers" in keys(cover(server("2016"), server("2019")).notes)
        assert "note_all_servers" not in keys(cover(server("2016")).notes)

    def test_own_number_of_a_group_is_never_more_than_there_are(self) -> None:
        (group,) = cover(server(users=100, devices=5)).groups
        need = need_of(group, "ws_cal")
        assert option_of(need, Metric.USER).quantity == 40
        assert option_of(need, Metric.DEVICE).quantity == 5

    def test_own_number_counts_where_no_total_is_known(self) -> None:
        answer = cover(server(users=7), people=People())
        assert option_of(need_of(answer.groups[0], "ws_cal"), Metric.USER).quantity == 7

    def test_all_is_confirmed_when_nothing_is_open(self) -> None:
        assert cover(server()).confirmed
        assert not cover(server(), people=People()).confirmed
        assert not cover(server(), people=People(users=1, printers=2)).confirmed


class TestWithoutCal:
    @pytest.mark.parametrize(
        ("group", "rule"),
        [
            (server(use=Use.VIRTUAL_MACHINE_HOST), "R07"),
            (server(use=Use.PUBLIC_WEB), "R07"),
            (server(use=Use.HIGH_PERFORMANCE_COMPUTING), "R07"),
            (server(use=Use.ADMINISTRATION, administrators=2), "R07"),
            (server(edition=Edition.ESSENTIALS), "R14"),
            (server("2012 R2", edition=Edition.FOUNDATION), "R14"),
            (sql(access=AccessModel.PER_CORE), "X-SQL"),
        ],
    )
    def test_nobody_needs_one_and_the_rule_is_named(self, group: ServerGroup, rule: str) -> None:
        (found,) = cover(group).groups
        assert found.needs == ()
        assert found.free is not None
        assert (found.free.rule, found.free.confirmed) == (rule, True)

    @pytest.mark.parametrize("count", [3, None])
    def test_more_than_two_administrators_count(self, count: int | None) -> None:
        answer = cover(server(use=Use.ADMINISTRATION, administrators=count))
        assert answer.groups[0].free is None
        assert ("ask_administrators" in keys(answer.questions)) == (count is None)

    @pytest.mark.parametrize(
        ("edition", "people", "conflicts"),
        [
            (Edition.ESSENTIALS, People(users=25, devices=50), []),
            (Edition.ESSENTIALS, People(users=26, devices=50), ["conflict_users"]),
            (Edition.ESSENTIALS, People(users=25, devices=51), ["conflict_devices"]),
            (Edition.FOUNDATION, People(users=15, devices=99), []),
            (Edition.FOUNDATION, People(users=16), ["conflict_users"]),
            (Edition.STANDARD, People(users=999, devices=999), []),
        ],
    )
    def test_small_editions_have_limits(
        self, edition: Edition, people: People, conflicts: list[str]
    ) -> None:
        assert keys(cover(server("2012 R2", edition=edition), people=people).conflicts) == conflicts

    def test_foundation_of_another_time_is_asked_about(self) -> None:
        assert "ask_foundation" in keys(cover(server(edition=Edition.FOUNDATION)).questions)

    def test_visitors_of_a_web_page_need_none(self) -> None:
        notes = cover(server(), people=People(users=5, anonymous_web=True)).notes
        assert "note_anonymous" in keys(notes)


class TestSql:
    def test_model_decides(self) -> None:
        unknown = cover(server(), sql(access=AccessModel.UNKNOWN))
        assert keys(unknown.questions) == ["ask_sql_model"]
        assert versions(option_of(need_of(unknown.groups[1], "sql_cal"), Metric.USER).products) == (
            "2019 2022 2025"
        )

    def test_enterprise_has_no_cal_model(self) -> None:
        assert keys(cover(sql(edition=Edition.ENTERPRISE)).conflicts) == ["conflict_sql_edition"]
        assert cover(sql()).conflicts == ()

    def test_windows_below_is_asked_about(self) -> None:
        assert keys(cover(sql()).questions) == ["ask_windows_below"]
        assert keys(cover(server(), sql()).questions) == []

    def test_outsiders_have_no_connector_here(self) -> None:
        people = People(users=5, external_users=9)
        answer = cover(server(), sql(external=True), people=people)
        assert keys(answer.questions) == ["ask_external_line"]


class TestExchange:
    def test_subscription_edition_wants_assurance(self) -> None:
        answer = cover(server(), ServerGroup(line="exchange", version="SE"))
        need = need_of(answer.groups[1], "exch_std_cal")
        assert need.statement.rule == "X-EXCHANGE-SE"
        assert all(row.products == row.unconfirmed == () for row in need.options)
        assert "ask_cloud_subscriptions" in keys(answer.questions)

    def test_older_servers_are_never_certain(self) -> None:
        answer = cover(server(), ServerGroup(line="exchange", version="2016"))
        option = option_of(need_of(answer.groups[1], "exch_std_cal"), Metric.USER)
        assert (option.products, versions(option.unconfirmed)) == ((), "2016 2019")


class TestSessionHosts:
    PEOPLE = People(users=40, devices=30, remote_users=20, remote_devices=10)

    def answer(self, *hosts: SessionHosts, held_by: str = "2022") -> EnvironmentCoverage:
        holders = (LicenceServers(version=held_by),) if held_by else ()
        return cover(people=self.PEOPLE, session_hosts=hosts, licence_servers=holders)

    def test_needs_the_rds_cal_in_its_mode_and_the_base_cal(self) -> None:
        (group,) = self.answer(host("2019", mode=Metric.USER)).groups
        (option,) = need_of(group, "rds_cal").options
        assert (option.metric, option.quantity) == (Metric.USER, 20)
        assert versions(option.products) == "2019 2022"
        assert versions(option.not_held) == "2025"
        assert versions(option_of(need_of(group, "ws_cal"), Metric.USER).products) == (
            "2019 2022 2025"
        )
        assert [row.rule for row in group.notes] == ["RD02", "RD06", "X-RDS-LICENCE-SERVER"]

    def test_unknown_mode_is_asked_about_and_leaves_both(self) -> None:
        answer = self.answer(host(mode=None))
        assert [row.metric for row in need_of(answer.groups[0], "rds_cal").options] == [
            Metric.USER,
            Metric.DEVICE,
        ]
        assert keys(answer.questions) == ["ask_mode"]

    def test_a_licence_server_too_old_holds_nothing_that_reaches(self) -> None:
        (group,) = self.answer(host("2022"), held_by="2019").groups
        (option,) = need_of(group, "rds_cal").options
        assert (option.products, versions(option.not_held)) == ((), "2022 2025")
        assert "holds_no" in keys(group.notes)

    def test_without_a_licence_server_it_is_asked_for(self) -> None:
        answer = self.answer(host(), held_by="")
        assert keys(answer.questions) == ["ask_licence_server"]
        assert versions(need_of(answer.groups[0], "rds_cal").options[0].products) == (
            "2019 2022 2025"
        )

    def test_best_licence_server_counts(self) -> None:
        holders = (LicenceServers(version="2016"), LicenceServers(version="2025"))
        answer = cover(people=self.PEOPLE, session_hosts=(host(),), licence_servers=holders)
        assert need_of(answer.groups[0], "rds_cal").options[0].not_held == ()

    def test_virtual_desktop_wants_assurance(self) -> None:
        (group,) = self.answer(host(azure_virtual_desktop=True)).groups
        need = need_of(group, "rds_cal")
        assert (need.statement.rule, need.statement.confirmed) == ("RD09", True)
        assert need.options[0].products == ()
        assert "note_virtual_desktop" in keys(group.notes)

    @pytest.mark.parametrize(
        ("mode", "question"),
        [(Metric.USER, "ask_remote_users"), (Metric.DEVICE, "ask_remote_devices")],
    )
    def test_unknown_remote_people_are_asked_for(self, mode: Metric, question: str) -> None:
        answer = cover(
            people=STAFF,
            session_hosts=(host(mode=mode),),
            licence_servers=(LicenceServers(version="2022"),),
        )
        assert keys(answer.questions) == [question]
        assert answer.groups[0].needs[0].options[0].quantity is None


class TestPeople:
    def test_outsiders_take_connectors_per_server(self) -> None:
        people = People(users=40, external_users=500)
        answer = cover(
            server("2016", count=3, external=True),
            server("2022", count=2, external=True),
            server("2022", count=9, external=True, use=Use.PUBLIC_WEB),
            people=people,
        )
        older, newer = (
            option_of(need_of(group, "ws_ec"), Metric.SERVER) for group in answer.groups[:2]
        )
        assert (older.quantity, newer.quantity) == (3, 2)
        assert (newer.products, versions(newer.unconfirmed)) == ((), "2022 2025")
        assert need_of(answer.groups[0], "ws_ec").statement.rule == "R10"

    def test_outsiders_on_a_session_host_take_both_connectors(self) -> None:
        answer = cover(
            people=People(users=5, remote_users=5, external_users=50),
            session_hosts=(host(external=True, count=2),),
        )
        families = [row.family for row in answer.groups[0].needs]
        assert families == ["rds_cal", "ws_cal", "rds_ec", "ws_ec"]

    @pytest.mark.parametrize(
        ("group", "outsiders", "question"),
        [
            (server(), 10, "ask_external_servers"),
            (server(external=True), 0, "ask_external_count"),
            (server(external=True), 10, None),
        ],
    )
    def test_outsiders_without_a_server_or_a_number_are_asked_about(
        self, group: ServerGroup, outsiders: int, question: str | None
    ) -> None:
        answer = cover(group, people=People(users=1, external_users=outsiders))
        assert keys(answer.questions) == ([question] if question else [])

    def test_pooling_lowers_nothing(self) -> None:
        answer = cover(server(), people=People(users=12, shared_accounts=True))
        assert "note_multiplexing" in keys(answer.notes)
        assert "ask_real_people" in keys(answer.questions)
        assert option_of(need_of(answer.groups[0], "ws_cal"), Metric.USER).quantity == 12

    def test_printers_are_an_open_question(self) -> None:
        answer = cover(server(), people=People(users=12, printers=4))
        (question,) = answer.questions
        assert (question.rule, question.confirmed) == ("R21", False)

    def test_nobody_counted_is_asked_about(self) -> None:
        assert keys(cover(server(), people=People()).questions) == ["ask_people"]
        assert keys(cover(server(), people=People(devices=1)).questions) == []

    @pytest.mark.parametrize(
        ("reaching", "params"),
        [
            ((10, 15), {"least": 15, "most": 25}),
            ((30, 35), {"least": 35, "most": 40}),
            ((10, 40), None),
            ((10, None), None),
        ],
    )
    def test_overlap_is_asked_about_where_it_matters(
        self, reaching: tuple[int | None, int | None], params: dict[str, int] | None
    ) -> None:
        answer = cover(server("2016", users=reaching[0]), server("2022", users=reaching[1]))
        asked = [row.params for row in answer.questions if row.rule == "R05"]
        assert asked == ([params] if params else [])


class TestOwned:
    def test_assurance_leaves_a_question(self) -> None:
        owned = (OwnedCal(product=product("ws_cal-2016-user"), quantity=5, with_sa=True),)
        (question,) = cover(server(), owned=owned).questions
        assert (question.rule, question.message_key) == ("C06", "coverage.ask_assurance")

    def test_suites_count_for_windows_only(self) -> None:
        assert "R16" in [row.rule for row in cover(server()).notes]
        assert "R16" not in [row.rule for row in cover(sql()).notes]

    def test_suite_is_explained(self) -> None:
        owned = (OwnedCal(product=product("core_cal-2016-user"), quantity=5),)
        assert "note_suite" in keys(cover(server(), owned=owned).notes)

    @pytest.mark.parametrize(
        ("kind", "rule", "question"),
        [
            (Subscription.BRIDGE_EMS, "R16", []),
            (Subscription.BRIDGE_OFFICE, "R16", []),
            (Subscription.MICROSOFT_365_E5, "R17", ["ask_subscription"]),
            (Subscription.EMS_E3, "R17", ["ask_subscription"]),
        ],
    )
    def test_subscriptions_say_whether_they_count(
        self, kind: Subscription, rule: str, question: list[str]
    ) -> None:
        answer = cover(server(), subscriptions=(OwnedSubscription(kind=kind, users=3),))
        assert rule in [row.rule for row in answer.notes]
        assert keys(answer.questions) == question


def everything() -> Environment:
    """Describe something of every kind."""
    return Environment(
        servers=(
            server("2012 R2", count=3),
            server("2022", external=True, users=9),
            server(use=Use.PUBLIC_WEB),
            sql("2017", access=AccessModel.UNKNOWN, devices=4),
            ServerGroup(line="exchange", version="SE"),
        ),
        session_hosts=(host("2019"), host("2022", mode=None, external=True)),
        licence_servers=(LicenceServers(version="2019"), LicenceServers(version="2025")),
        people=People(users=40, remote_users=9, external_users=7, printers=2, shared_accounts=True),
        owned=(OwnedCal(product=product("ws_cal-2016-user"), quantity=5, with_sa=True),),
        subscriptions=(OwnedSubscription(kind=Subscription.MICROSOFT_365_E3, users=3),),
    )


class TestAnswer:
    def test_order_of_the_description_says_nothing(self) -> None:
        def told(answer: EnvironmentCoverage) -> list[Any]:
            groups = sorted(
                repr((row.server, row.free, row.needs, row.notes)) for row in answer.groups
            )
            return [groups, answer.notes, answer.conflicts, answer.questions]

        environment = checked(everything())
        first = told(cover_environment(environment))
        for servers in itertools.islice(itertools.permutations(environment.servers), 24):
            turned = msgspec.structs.replace(
                environment,
                servers=servers,
                session_hosts=environment.session_hosts[::-1],
                licence_servers=environment.licence_servers[::-1],
            )
            assert told(cover_environment(turned)) == first

    @pytest.mark.parametrize("language", sorted(catalogues()))
    def test_everything_can_be_said(self, language: str) -> None:
        answer = cover_environment(checked(everything()))
        said = [*answer.notes, *answer.conflicts, *answer.questions]
        said += [row for group in answer.groups for row in statements_of(group)]
        assert len(said) > 30
        assert all("{" not in statement_text(row, language) for row in said)
        assert all(row.sources for row in said)
