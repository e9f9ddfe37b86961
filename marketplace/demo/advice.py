"""The second act of the demo: a customer sends its files, learns what it needs, and acts on both answers."""

from pathlib import Path
from typing import Any, Final

from marketplace.demo.client import Caller, Say, wait_for
from marketplace.demo.files import accesses, licence_list

_WORKBOOK: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_SERVER: Final = "2019"
_FINDINGS_TOLD: Final = 5
_ASKED: Final = {"product": "ws_cal-2016-user", "amount_minor": 790, "currency": "EUR"}
"""What the customer wants for its old licences: nobody offers any today, so no market price is known."""


def play_advice(customer: Caller, output: Path, say: Say) -> None:
    """Import a list of licences and a list of accesses, ask for the need, post both follow-ups."""
    licences = _import_licences(customer, output, say)
    pairs = _send(customer, "access_pairs", "zugriffe.csv", accesses(), dry_run=False)
    (output / "zugriffe.csv").write_bytes(accesses())
    answer = _ask(customer, licences["id"], pairs, say)
    _follow_up(customer, answer, say)


def _import_licences(customer: Caller, output: Path, say: Say) -> Any:
    file = licence_list()
    (output / "lizenzbestand.xlsx").write_bytes(file)
    found = _send(customer, "licence_list", "lizenzbestand.xlsx", file, dry_run=True)
    counts = found["counts"]
    say(
        "9  the clinic sends the licence list of its IT, a workbook with German headings, as a dry run"
    )
    say(
        f"   {counts['good']} good, {counts['held']} held, {counts['bad']} bad, {counts['other']} no CALs"
    )
    path = f"/v1/imports/{found['id']}"
    lines = customer.get(f"{path}/lines?language=en")["items"]
    for line in lines:
        for problem in line["problems"]:
            say(f"   line {line['line']}: {problem['sentence']}")
    held = next(line for line in lines if line["outcome"] == "held")
    say(
        f"   line {held['line']} is read as {held['quantity']} x {held['product']}; a reviewer would ask:"
    )
    open_findings = [row for row in held["findings"] if row["outcome"] in {"hold", "block"}]
    for finding in open_findings[:_FINDINGS_TOLD]:
        say(f"     {finding['rule_id']} {finding['outcome']}: {finding['sentence']}")
    say(f"     and {len(open_findings) - _FINDINGS_TOLD} more, each with what cures it")
    accepted = customer.post(f"{path}/acceptance")
    export = customer.send("GET", f"{path}/export?format=xlsx&language=en").body
    (output / "lizenzbestand-findings.xlsx").write_bytes(export)
    say(
        "   it accepts the lines that could be read; the rest stays named in lizenzbestand-findings.xlsx"
    )
    return accepted


def _ask(customer: Caller, licences: str, pairs: Any, say: Say) -> Any:
    sizes = pairs["format"]["sizes"]
    need = customer.post(
        "/v1/needs",
        {
            "servers": [_SERVER],
            "accesses_import_id": pairs["id"],
            "owned_import_id": licences,
            "prices": [_ASKED],
        },
    )

    def computed() -> Any:
        seen = customer.get(f"/v1/needs/{need['id']}?language=en")
        return seen if seen["state"] in {"done", "failed"} else None

    answer = wait_for("the need", computed)["answer"]
    say(
        f"10 what it needs to reach Windows Server {_SERVER}: {sizes['pairs']} accesses by {sizes['users']} users"
        f" at {sizes['devices']} devices"
    )
    for option in answer["options"]:
        cost = _money(option["cost"]) if option["cost"] else "no price known"
        say(f"   {option['kind']:<7} buy {option['licences']:>4} licences  {cost:>13}")
    for statement in answer["advice"]:
        say(f"   {statement['text']}")
    proof = answer["accesses"]["proof"]
    say(
        f"   proof: a flow of {proof['flow']}, less {proof['owned']} for the licences owned, says {proof['least']} at"
        f" least; the answer costs {proof['cost']}"
    )
    return answer


def _follow_up(customer: Caller, answer: Any, say: Say) -> None:
    say("11 one call each, sent as the answer gives it:")
    for step in answer["follow_ups"]:
        made = customer.post(step["href"], step["body"])
        result = (
            _money(made["price"]["total"]) if step["kind"] == "request_quote" else made["state"]
        )
        say(f"   {step['summary']} {made['id']}: {result}")


def _send(customer: Caller, kind: str, name: str, data: bytes, *, dry_run: bool) -> Any:
    media_type = _WORKBOOK if name.endswith(".xlsx") else "text/csv"
    path = f"/v1/imports?kind={kind}&file_name={name}&dry_run={str(dry_run).lower()}"
    sent = customer.upload(path, data, media_type)

    def read() -> Any:
        seen = customer.get(f"/v1/imports/{sent['id']}")
        return seen if seen["ended_at"] else None

    return wait_for("the import", read)


def _money(value: Any) -> str:
    return f"{value['amount_minor'] / 100:,.2f} {value['currency']}"
