"""Settings, secrets, durations, loss report, context: small things with sharp edges."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import pytest
from pydantic import AliasChoices, AliasPath, BaseModel, Field

from isthmus_sdk import Connector, Context, Page, Secret, Settings, Url
from isthmus_sdk.context import PagesRequest, Position
from isthmus_sdk.duration import seconds
from isthmus_sdk.errors import ConfigurationError, SecretError, SettingsError
from isthmus_sdk.masking import MASK, Masking
from isthmus_sdk.settings import configure, secret_names
from isthmus_sdk.unused import unused_in


class Portal(Settings):
    base_url: Url
    size: int = Field(default=10, ge=1)
    token: Secret
    spare: Secret | None = None


def test_settings_and_secrets_become_one_checked_object() -> None:
    made = configure(Portal, {"base_url": "https://portal.example", "size": 5}, {"token": "tok-1234"})
    assert made.token.reveal() == "tok-1234"
    assert made.spare is None
    assert str(made.base_url / "v1/x") == "https://portal.example/v1/x"
    assert secret_names(Portal) == ("token", "spare")
    with pytest.raises(Exception, match="frozen"):
        made.size = 6


def test_a_secret_shows_in_no_text() -> None:
    made = configure(Portal, {"base_url": "https://portal.example"}, {"token": "tok-1234"})
    for text in (
        repr(made),
        str(made),
        made.model_dump_json(),
        repr(made.token),
        f"{made.token}",
        str(made.model_dump()),
    ):
        assert "tok-1234" not in text


def test_every_wrong_key_is_named_with_a_hint_and_no_value() -> None:
    with pytest.raises(SettingsError) as error:
        configure(Portal, {"base_url": "ftp://u:hunter2@x", "sise": 5, "size": "hunter3"}, {"token": "hunter4"})
    message = str(error.value)
    assert "base_url" in message
    assert 'sise: is not a setting of this connector; did you mean "size"?' in message
    assert "size" in message
    assert "hunter" not in message


def test_secrets_and_settings_may_not_change_places() -> None:
    with pytest.raises(SecretError, match="token"):
        configure(Portal, {"base_url": "https://x.example", "token": "tok"}, {})
    with pytest.raises(SecretError, match='did you mean "token"'):
        configure(Portal, {"base_url": "https://x.example"}, {"tokn": "tok"})
    with pytest.raises(SecretError, match=r"token: is required \(a secret\)"):
        configure(Portal, {"base_url": "https://x.example"}, {})


def test_offline_runs_need_no_settings_but_check_those_they_get() -> None:
    assert configure(Portal, {}, offline=True).size == 10
    with pytest.raises(SettingsError, match="size"):
        configure(Portal, {"size": 0}, offline=True)
    with pytest.raises(SettingsError, match="colour"):
        configure(Portal, {"colour": 1}, offline=True)


@pytest.mark.parametrize(
    ("written", "value"),
    [("10m", 600), ("1h30m", 5400), ("500ms", 0.5), ("7d", 604800), (90, 90), ("1.5h", 5400), ("2 h", 7200)],
)
def test_durations(written: Any, value: float) -> None:
    assert seconds(written) == value


@pytest.mark.parametrize("written", ["", "ten", "10", "10x", "m", "-5m", True, -1, "1h;2m"])
def test_what_is_no_duration_is_refused_by_name(written: Any) -> None:
    with pytest.raises(ConfigurationError, match="every"):
        seconds(written, name="every")


@pytest.mark.parametrize(
    "form",
    [
        "pa ss/wo+rd",
        "pa%20ss%2Fwo%2Brd",
        "pa+ss%2Fwo%2Brd",
        "cGEgc3Mvd28rcmQ=",
        "aHViOnBhIHNzL3dvK3Jk",
        '{"p":"pa ss/wo+rd"}',
    ],
)
def test_secrets_are_masked_in_the_forms_in_which_they_travel(form: str) -> None:
    masking = Masking(["pa ss/wo+rd"], ["hub"])
    text = masking.text(f"before {form} after")
    assert MASK in text
    assert "wo" not in text.replace("[masked]", "")
    assert masking.data(b"nothing here") == b"nothing here"
    assert MASK.encode() in masking.data(form.encode())


def test_a_short_secret_does_not_garble_every_line() -> None:
    assert Masking(["a", ""]).text("a banana") == "a banana"


class Inner(BaseModel):
    c: int = 0


class Recursive(BaseModel):
    name: str
    children: list[Recursive] = []


class Model(BaseModel):
    id: str
    when: str = Field(alias="@timestamp", default="")
    many: list[Inner] = []
    one: Inner | str | None = None
    by_name: dict[str, Inner] = {}
    noted: Annotated[Inner, "note"] | None = None
    anything: Any = None
    deep: str = Field("", validation_alias=AliasPath("x", 0, "y"))
    either: str = Field("", validation_alias=AliasChoices("a", "b"))


class Struct(msgspec.Struct, rename="camel"):
    src_ip: str
    inner: list[Inner] = []


@pytest.mark.parametrize(
    ("model", "raw", "unused"),
    [
        (Model, b'{"id":"1","when":1,"@timestamp":"t"}', ["when"]),
        (Model, b'{"id":"1","many":[{"c":1,"q":2},{"r":{"s":[1]}}]}', ["many[].q", "many[].r.s[]"]),
        (Model, b'{"id":"1","many":{"c":1,"q":2}}', ["many.q"]),
        (Model, b'{"id":"1","one":{"c":1,"q":2},"noted":{"q":1}}', ["noted.q", "one.q"]),
        (Model, b'{"id":"1","by_name":{"n":{"c":1,"q":2}}}', ["by_name.n.q"]),
        (Model, b'{"id":"1","anything":{"deep":[{"er":1}]}}', []),
        (Model, b'{"id":"1","x":[{"y":"1","z":2}],"a":"1","b":"2"}', ["x[].z"]),
        (Model, b'{"id":"1","null":null,"empty":[],"none":{},"flat.key":1,"false":false}', ["false", "flat.key"]),
        (Struct, b'{"srcIp":"1","src_ip":"2","inner":[{"c":1,"d":2}]}', ["inner[].d", "src_ip"]),
        (dict, b'{"id":"1","x":{"y":1}}', []),
        (Recursive, b'{"name":"a","other":1,"children":[{"name":"b"}]}', ["other"]),
        (Model, b"not json", []),
        (Model, b"[" * 100_000, []),
    ],
)
def test_fields_that_the_model_does_not_name_are_found(model: Any, raw: bytes, unused: list[str]) -> None:
    assert unused_in(model, raw) == unused


class Calls:
    """A transport that remembers what it was asked."""

    def __init__(self, pages: dict[str, list[Any]]) -> None:
        self.pages_of = pages
        self.asked: list[tuple[PagesRequest, Any]] = []

    def pages(self, request: PagesRequest, resume: Any) -> Any:
        self.asked.append((request, resume))
        tokens = self.pages_of[request.path]
        start = 0 if resume is None else tokens.index(resume) + 1
        for token in tokens[start:]:
            yield Page(records=[b"{}"], observed_at="2026-05-01T12:00:00.000Z", after=token)


def two_calls(ctx: Context[Any]) -> Any:
    yield from ctx.pages("/north")
    yield from ctx.pages("/south")


def test_a_stream_of_several_walks_resumes_in_the_walk_that_was_interrupted() -> None:
    everything = {"/north": ["n1", None], "/south": ["s1", None]}
    positions = [page.after for page in two_calls(Context(Settings(), transport=Calls(everything)))]
    assert positions == [Position(0, "n1"), Position(1, None), Position(1, "s1"), Position(2, None)]
    for stored, expected in (
        (positions[0], ["/north", "/south"]),
        (positions[1], ["/south"]),
        (positions[2], ["/south"]),
    ):
        calls = Calls(everything)
        rest = [page.after for page in two_calls(Context(Settings(), transport=calls, position=stored))]
        assert rest == positions[positions.index(stored) + 1 :]
        assert [request.path for request, _ in calls.asked] == expected


def test_pages_made_by_hand_resume_with_their_own_token() -> None:
    ctx: Context[Any] = Context(Settings(), position=Position(-1, {"day": 3}))
    assert ctx.resume == {"day": 3}
    page = ctx.page([b'{"a" : 1}', {"a": 1}], observed_at="2026-05-01T12:00:00.000Z", after=4)
    assert page.after == Position(-1, 4)
    assert page.records == [b'{"a" : 1}', b'{"a":1}']


def test_since_is_a_parameter_in_the_form_the_vendor_wants_and_absent_on_the_first_run() -> None:
    from datetime import UTC, datetime

    moment = datetime(2026, 5, 1, 10, 0, 0, 123456, tzinfo=UTC)
    for since, expected in (
        ("from", {"from": "2026-05-01T09:50:00.123Z"}),
        (("from", "ms"), {"from": 1777629000123}),
        (("from", lambda value: value.year), {"from": 2026}),
        (lambda text: {"q": f"updated>={text}"}, {"q": "updated>=2026-05-01T09:50:00.123Z"}),
    ):
        calls = Calls({"/x": [None]})
        list(Context(Settings(), transport=calls, since=moment, lookback=600.0).pages("/x", since=since))  # type: ignore[arg-type]
        assert calls.asked[0][0].params == expected
        first = Calls({"/x": [None]})
        list(Context(Settings(), transport=first).pages("/x", params={"a": 1}, since=since))  # type: ignore[arg-type]
        assert first.asked[0][0].params == {"a": 1}
    assert Context(Settings(), since=42).since("ms") == 42


def test_a_context_outside_a_run_says_what_it_lacks() -> None:
    ctx: Context[Any] = Context(Settings())
    with pytest.raises(ConfigurationError, match="while a stream runs"):
        ctx.pages("/x")
    with pytest.raises(ConfigurationError, match="no HTTP client"):
        _ = ctx.http
    with pytest.raises(ConfigurationError, match="fortnights"):
        from datetime import UTC, datetime

        Context(Settings(), since=datetime(2026, 5, 1, tzinfo=UTC)).since("fortnights")


def test_a_connector_without_base_url_says_what_to_give() -> None:
    connector = Connector("made.up", settings=Settings)
    with pytest.raises(ConfigurationError, match="base_url=lambda"):
        connector.base_url(Settings())
