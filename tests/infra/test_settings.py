"""Settings: read once, refused at the start with one line that says what is wrong."""

from pathlib import Path

import pytest

from marketplace.infra.settings import PREFIX, Settings, SettingsError, files_dir, load_settings


class TestLoadSettings:
    def test_nothing_set_gives_the_defaults(self) -> None:
        assert load_settings({}) == Settings()

    def test_values_are_read_as_their_type(self) -> None:
        settings = load_settings(
            {
                "CESSION_PORT": "9000",
                "CESSION_DATABASE_URL": "postgresql://cession_app@db/cession",
                "CESSION_BUYER_FEE_BP": "0",
                "PATH": "/bin",
                "CESSIONAIRE": "another program's",
            }
        )
        assert (settings.port, settings.buyer_fee_bp) == (9000, 0)
        assert settings.database_url == "postgresql://cession_app@db/cession"

    @pytest.mark.parametrize(
        ("name", "value", "says"),
        [
            ("PORT", "many", "CESSION_PORT: "),
            ("PORT", "70000", "CESSION_PORT: "),
            ("PORT", "", "CESSION_PORT: "),
            ("DATABASE_POOL_SIZE", "0", "CESSION_DATABASE_POOL_SIZE: "),
            ("BUYER_FEE_BP", "5001", "CESSION_BUYER_FEE_BP: "),
            ("SERVER", "apache", "uvicorn, granian"),
            ("LOG_FORMAT", "xml", "json, console"),
            ("LOG_LEVEL", "INFO", "debug, info, warning, error"),
            ("DATABASE_URL", "mysql://x", "must start with postgresql://"),
            ("MIGRATION_DATABASE_URL", "x", "must start with postgresql://"),
            ("BROKER_URL", "redis://x", "must start with amqp:// or amqps://"),
            ("STORAGE_URL", "/files", "must start with s3://"),
            ("PUBLIC_URL", "cession.example", "must start with http:// or https://"),
            ("STORAGE_ENDPOINT", "minio:9000", "must start with http:// or https://"),
            ("OPERATOR_COUNTRY", "Germany", "CESSION_OPERATOR_COUNTRY: "),
            ("CURRENCY", "euro", "CESSION_CURRENCY: "),
        ],
    )
    def test_wrong_value_is_named_with_what_is_allowed(
        self, name: str, value: str, says: str
    ) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({PREFIX + name: value})
        message = str(refused.value)
        assert message.startswith(f"{PREFIX}{name}: ")
        assert says in message
        assert "\n" not in message

    def test_unknown_name_is_refused_and_the_known_ones_listed(self) -> None:
        with pytest.raises(SettingsError, match=r"CESSION_PROT is not a setting.*CESSION_PORT"):
            load_settings({"CESSION_PROT": "1"})

    def test_secret_is_not_repeated_in_the_message(self) -> None:
        with pytest.raises(SettingsError) as refused:
            load_settings({"CESSION_DATABASE_URL": "postgres://u:hunter2@h/d"})
        assert "hunter2" not in str(refused.value)


class TestFilesDir:
    def test_is_inside_the_data_folder(self) -> None:
        assert files_dir(Settings(data_dir="/srv/cession")) == Path("/srv/cession/files")
