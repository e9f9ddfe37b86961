"""The five-minute tour of this room: register, look, be verified, make a key, grant a partner."""

import httpx

REGISTRATION = {
    "legal_name": "Nordlicht Maschinenbau GmbH",
    "register_number": "Hamburg HRB 123456",
    "country": "DE",
    "vat_id": "DE136695976",
    "address": {"lines": ["Speicherstraße 12"], "postcode": "20457", "city": "Hamburg"},
    "owner": {
        "name": "Ines Albrecht",
        "email": "ines@nordlicht.example",
        "password": "correct horse battery staple",
    },
}


class TestTour:
    async def test_company_registers_and_makes_a_key(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v1/companies", json=REGISTRATION)
        assert answer.status_code == 201, answer.text
        print(answer.text, answer.headers)
        token = answer.json()["session"]["token"]
        h = {"Authorization": f"Bearer {token}"}
        me = await client.get("/v1/me", headers=h)
        assert me.status_code == 200, me.text
        print(me.text)
        key = await client.post("/v1/keys", headers=h, json={"name": "SAM", "scopes": ["quotes:read", "company:read"]})
        assert key.status_code == 201, key.text
        print(key.text)
        me = await client.get("/v1/me", headers={"Authorization": f"Bearer {key.json()['secret']}"})
        assert me.status_code == 200, me.text
        print(me.text)
