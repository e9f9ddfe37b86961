"""Passwords: argon2id, and no hint whether somebody exists."""

from marketplace.infra.passwords import check_password, hash_password, is_outdated

PASSWORD = "correct horse battery staple"


class TestPassword:
    async def test_right_one_is_known_again(self) -> None:
        stored = await hash_password(PASSWORD)
        assert stored.startswith("$argon2id$v=19$m=65536,t=3,p=4$")
        assert await check_password(stored, PASSWORD)
        assert not await check_password(stored, PASSWORD + "x")
        assert not is_outdated(stored)

    async def test_same_one_is_stored_differently_each_time(self) -> None:
        assert await hash_password(PASSWORD) != await hash_password(PASSWORD)

    async def test_nobody_has_no_password(self) -> None:
        assert not await check_password(None, "")
        assert not await check_password(None, PASSWORD)

    async def test_damaged_hash_knows_no_password(self) -> None:
        assert not await check_password("damaged", PASSWORD)
        assert not await check_password("$argon2id$v=19$m=65536,t=3,p=4$x$y", PASSWORD)

    async def test_any_character_counts(self) -> None:
        stored = await hash_password("Pässwörter 密碼 🔑 ok")
        assert await check_password(stored, "Pässwörter 密碼 🔑 ok")
        assert not await check_password(stored, "Passworter 密碼 🔑 ok")
