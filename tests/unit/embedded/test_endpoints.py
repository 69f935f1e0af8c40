import pytest

from horizonte.embedded.endpoints import Endpoints, S3Settings, without_secret
from horizonte.errors import ConfigFault, ServiceFault


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://forecasts", S3Settings("forecasts")),
        ("s3://forecasts?region=sa-east-1", S3Settings("forecasts", region="sa-east-1")),
        (
            "http://key:se%2Fcret@127.0.0.1:9000/b",
            S3Settings("b", "http://127.0.0.1:9000", "key", "se/cret"),
        ),
        ("https://minio.example.org/b/", S3Settings("b", "https://minio.example.org")),
    ],
)
def test_a_bucket_url_is_read(url: str, expected: S3Settings) -> None:
    """Each documented form of HORIZONTE_S3 gives its bucket, endpoint, keys and region."""
    assert S3Settings.parse(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "ftp://a/b",
        "s3://",
        "s3://b/prefix",
        "http://k:s@host:1/",
        "http://onlykey@host/b",
        "http://k:s@host/a/b",
        "bucket",
    ],
)
def test_what_is_no_bucket_url_is_refused(url: str) -> None:
    """Every other URL is a ConfigFault that names the setting."""
    with pytest.raises(ConfigFault, match="HORIZONTE_S3"):
        S3Settings.parse(url)


def test_url_and_parse_agree() -> None:
    """A bucket written as a URL reads back as itself, odd characters included."""
    s3 = S3Settings("b", "https://host:8333", "k/+", "s@:%")
    assert S3Settings.parse(s3.url()) == s3


def test_secrets_are_not_shown() -> None:
    """No secret is in a repr, in a URL meant for eyes, or in a refusal."""
    s3 = S3Settings.parse("http://key:hush@host:1/b")
    found = Endpoints("postgresql://u:hush@host/db", s3)
    with pytest.raises(ConfigFault) as refused:
        S3Settings.parse("http://key:hush@host:1/")
    shown = (
        repr(s3),
        repr(found),
        s3.url(secret=False),
        str(refused.value),
        without_secret("postgresql://u:hush@host/db?password=hush"),
    )
    assert not any("hush" in text for text in shown)


def test_an_unstarted_service_has_no_endpoint() -> None:
    """Asking for what was never started says which command starts it."""
    with pytest.raises(ServiceFault, match="horizonte up"):
        _ = Endpoints(None, None).database
