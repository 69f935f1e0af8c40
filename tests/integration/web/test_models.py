"""The pages about models over HTTP, before a real service that asks for keys."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from html import unescape
from urllib.parse import parse_qsl, unquote, urlsplit

import httpx
import pytest
from tests.integration.serve.conftest import loaded, trained, world  # noqa: F401 (fixtures)
from tests.integration.web.keyed import LOST, PASSED, Keyed, keyed, web  # noqa: F401 (fixtures)

from horizonte import config
from horizonte.embedded import process
from horizonte.serve import run
from horizonte.store import keys, promotions, retrainings
from horizonte.store.connection import connect

pytestmark = pytest.mark.slow
Get = Callable[..., str]
COOKIE = "__Host-horizonte"


def plain(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html)))


def row(text: str, name: str) -> str:
    """The line of a table whose header holds ``name``, without tags."""
    rows = re.findall(r"<tr.*?</tr>", text, re.DOTALL)
    (found,) = [r for r in rows if re.search(rf"<th[^>]*>(?:(?!</th>).)*{name}", r, re.DOTALL)]
    return plain(found)


def form_token(text: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', text)
    assert found, text
    return found[1]


def logged_in(web: httpx.Client, token: str) -> dict[str, str]:  # noqa: F811
    """The headers of a browser that has logged in; Python's cookies stay off plain HTTP."""
    form = {"form_token": form_token(web.get("/login").text), "key": token, "next": "/models"}
    answer = web.post("/login", data=form)
    assert (answer.status_code, answer.headers["location"]) == (303, "/models")
    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    for attribute in ("Secure", "HttpOnly", "SameSite=strict", "Path=/"):
        assert attribute in cookie
    assert "domain" not in cookie.lower()
    return {"cookie": cookie.partition(";")[0]}


def act(
    web: httpx.Client,  # noqa: F811
    path: str,
    headers: dict[str, str],
    **form: str,
) -> httpx.Response:
    """Send the form of the page at ``path`` with all that it holds, and ``form``."""
    text = web.get(path, headers=headers).text
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', text))
    return web.post(path.partition("?")[0], data=hidden | form, headers=headers)


def test_the_leaderboard_has_the_best_first(page: Get, keyed: Keyed) -> None:  # noqa: F811
    """Means over series of what was scored last, beside the naive; the challenger that lost is there."""
    text = page("/models")
    # site/a: (0.6·100 + 0.3·50) / 150 = 0.5 against 0.8; site/b: 0.5 against 1: 0.5 against 0.9
    assert "champion 0.5 0.9 44 % 80 % 0.6 0.9 33 % 2/14/25, 12:00 AM UTC" in row(
        text, keyed.champion[:12]
    )
    assert "former champion" in row(text, keyed.former[:12])
    assert " 0.75 0.8 6 % " in row(text, keyed.former[:12])
    assert "challenger that lost" in row(text, LOST[:12])
    assert "lost -1.0 % (-3.0 % to +1.2 %)" in row(text, LOST[:12])
    places = [text.index(v[:12]) for v in (keyed.champion, keyed.former, LOST)]
    assert places == sorted(places)


def test_a_challenger_that_passed_is_not_said_to_have_lost(page: Get) -> None:
    """Its request failed before the promotion: list and page say so in both languages."""
    for language, state, said in (
        ("en", "passed the gate, not promoted", "its request failed"),
        ("pt-BR", "passou na disputa, não promovido", "o pedido falhou"),
    ):
        assert state in row(page(f"/models?lang={language}"), PASSED[:12])
        text = page(f"/models/versions/{PASSED}?lang={language}")
        assert said in text
        assert f"/models/versions/{PASSED}/promote" not in text


def test_a_version_shows_card_lineage_and_scores(page: Get, keyed: Keyed) -> None:  # noqa: F811
    """Its first digits open it: what it was made for, how each series fared, who it met and replaced."""
    text = plain(page(f"/models/versions/{keyed.champion[:12]}"))
    assert "Forecasts of version b." in text
    assert "site/a 0.5 0.8 38 % 80 % 150" in text
    assert "site/a 0.6 0.9 33 % value of a week before linear 100 %" in text
    assert f"{LOST[:12]} this version lost" in text
    assert f"{keyed.champion[:12]} {keyed.former[:12]} made b operator" in text
    lost = page(f"/models/versions/{LOST}")
    assert "/promote" not in lost
    assert "&lt;b&gt;the boiler&lt;/b&gt; is new" in lost


def test_a_verdict_tells_its_evidence_in_the_readers_language(page: Get) -> None:
    """The sentence of the ledger, what asked and held, and the figures behind it; in both languages."""
    assert 'href="/reports/monitoring/2025-03-17/2/index.html"' in page("/models/verdicts/1")
    text = plain(page("/models/verdicts/1"))
    assert "The model is to be trained again." in text
    assert "skill lost: site/a" in text
    assert "a note is in force: skill lost: site/b" in text
    assert "site/a 150 14 75 % (62 % to 88 %) 50 % – –" in text
    assert "site/temperature input drift 0.91 0.42 above its threshold" in text
    assert "Age of its training data 44 days" in text
    (form,) = re.findall(r'href="(/notes\?[^"]*)"', page("/models/verdicts/1"))
    said = dict(parse_qsl(urlsplit(unescape(form)).query))
    assert said == {
        "id": "site/b",
        "kind": "unit_changed",
        "starts_at": "2025-03-03T11:00",
        "factor": "0.001",
        "offset": "0",
    }
    after_login = re.findall(r'href="/login\?next=([^"]*)"', page(unescape(form)))
    assert unescape(form) in map(unquote, after_login)
    text = plain(page("/models/verdicts/1?lang=pt-BR"))
    assert "O modelo deve ser treinado de novo." in text
    assert "perda de desempenho: site/a" in text
    assert "75 % (de 62 % a 88 %)" in text
    assert "O nível de site/a mudou." in text
    assert "O modelo deve ser treinado de novo." in page("/models?lang=pt-BR")
    whole = json.loads(page("/models/verdicts/1/evidence"))
    assert whole["evidence"]["targets"][0]["window"]["skill"]["high"] == 0.88
    assert whole["policy"] == {"triggers": {"skill_decay": 0.2}}


def test_a_retraining_tells_its_steps_and_the_gate(page: Get) -> None:
    """From the start to the refusal; the gate by series; a path of the worker's host is not shown."""
    text = page("/models/retrainings/1")
    steps = re.findall(r"badge word \w+\">(started|trained|gate held|refused)<", text)
    assert steps == ["refused", "started", "trained", "gate held", "refused"]
    assert "site/a 28 0.5 0.505 -1.0 % 79 %" in plain(text)
    assert "/srv/secret" not in text
    assert 'href="/reports/gates/2025-03-17-c0ffee000000.html"' in text
    assert "&lt;b&gt;the boiler&lt;/b&gt;" in text
    assert "Retrain refused" in row(page("/models/retrainings"), "/models/retrainings/1")
    told = plain(page("/models/retrainings/2?lang=pt-BR"))
    assert "Motivo O modelo deve ser treinado de novo." in told
    assert "Dados até: 20/02/2025 00:00 UTC" in told


def test_a_promotion_tells_its_realised_gain(page: Get, keyed: Keyed) -> None:  # noqa: F811
    """Gain and interval, what they say, and that the service has followed."""
    text = plain(page("/models/promotions/2"))
    assert "it helped +5.1 % (+1.2 % to +9.0 %)" in text
    assert "From 14 days" in text
    assert "serves this version" in text
    listed = row(page("/models/promotions"), "/models/promotions/2")
    assert "+5.1 % (+1.2 % to +9.0 %) it helped" in listed
    assert "not judged yet" in row(page("/models/promotions"), "/models/promotions/1")


def test_nothing_there_is_a_page_that_leads_back(web: httpx.Client) -> None:  # noqa: F811
    """Unknown versions, entries, lists and numbers are no failures."""
    for path in ("versions/feed", "versions/a%20b", "verdicts/99", "verdicts/x", "other"):
        answer = web.get(f"/models/{path}")
        assert (answer.status_code, "To the overview" in answer.text) == (404, True), path


def test_a_wrong_key_opens_nothing(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """The login says so, keeps what is typed to itself, and sets no session."""
    for key in (keyed.tokens["admin"][:-4] + "oops", "é", "", "x" * 300):
        form = {"form_token": form_token(web.get("/login").text), "key": key}
        answer = web.post("/login", data=form)
        assert answer.status_code == 403
        assert "does not know this key" in answer.text
        assert "set-cookie" not in answer.headers
        assert not key or key not in answer.text


def test_a_reader_without_the_scope_changes_nothing(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """No login: the page asks for one. A read key: the page names the scope, the service refuses."""
    path = f"/models/versions/{keyed.former}/promote"
    text = web.get(path).text
    assert "This needs a login" in text
    form = {"form_token": form_token(web.get("/login").text), "why": "none"}
    sent = web.post(path, data=form)
    assert sent.headers["location"].startswith("/login?next=%2Fmodels%2Fversions%2F")
    headers = logged_in(web, keyed.tokens["read"])
    text = web.get(path, headers=headers).text
    assert "it needs one of scope “admin”" in text
    assert "read of the test" in text
    answer = web.post(path, data={"form_token": form_token(text), "why": "none"}, headers=headers)
    assert answer.status_code == 403
    assert "This needs a key of scope admin." in answer.text
    with connect(keyed.database) as conn:
        assert len(promotions.promotions(conn)) == 2


def test_only_forms_of_the_readers_own_pages_are_taken(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """Without the token of the session, with another's, or from another site: refused, nothing moves."""
    headers, path = logged_in(web, keyed.tokens["admin"]), "/models/rollback"
    own = form_token(web.get(path, headers=headers).text)
    other = form_token(web.get(path, headers=logged_in(web, keyed.tokens["admin"])).text)
    nobodys = form_token(web.get("/login").text)
    form = {"why": "forged", "to": keyed.former}
    for token in ("", other, nobodys):
        sent = web.post(path, data=form | {"form_token": token}, headers=headers)
        assert sent.status_code == 403
    whole = form | {"form_token": own}
    for told in ({"sec-fetch-site": "cross-site"}, {"origin": "https://evil.example"}):
        assert web.post(path, data=whole, headers=headers | told).status_code == 403
    huge = whole | {"why": "x" * 70_000}
    assert web.post(path, data=huge, headers=headers).status_code == 413
    assert web.post(path, data=whole | {"why": " "}, headers=headers).status_code == 400
    with connect(keyed.database) as conn:
        assert len(promotions.promotions(conn)) == 2


def test_an_admin_promotes_and_takes_back(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """Each move is a row with reason and key; a page that was overtaken by another move moves nothing."""
    headers = logged_in(web, keyed.tokens["admin"])
    promote = f"/models/versions/{keyed.former}/promote"
    late = web.get("/models/rollback", headers=headers).text
    done = act(web, promote, headers, why="it was better after all")
    assert done.headers["location"] == "/models/promotions/3"
    with connect(keyed.database) as conn:
        made = promotions.current_promotion(conn)
    assert made is not None
    by = f"key {keyed.tokens['admin'].split('_')[1]}"
    assert (made.sha256, made.why, made.promoted_by) == (
        keyed.former,
        "it was better after all",
        by,
    )
    hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', late))
    overtaken = web.post("/models/rollback", data=hidden | {"why": "late"}, headers=headers)
    assert overtaken.status_code == 409
    assert "Nothing was changed" in overtaken.text
    back = act(web, "/models/rollback", headers, why="no, it was not")
    text = web.get(back.headers["location"], headers=headers).text
    assert "no, it was not" in text
    with connect(keyed.database) as conn:
        moves = promotions.promotions(conn)
    assert moves["kind"].tolist()[2:] == ["promote", "rollback"]
    assert moves["sha256"].tolist()[2:] == [keyed.former, keyed.champion]


def test_an_admin_asks_for_a_retraining(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """The request waits in the queue with its reason, and the result page says what comes next."""
    headers = logged_in(web, keyed.tokens["admin"])
    done = act(web, "/models/retrain", headers, why="a new boiler", action="recalibrate")
    number = int(done.headers["location"].rpartition("/")[2])
    with connect(keyed.database) as conn:
        run = retrainings.whole(conn, number)
    assert (run.action, run.why) == ("recalibrate", "a new boiler")
    text = web.get(done.headers["location"], headers=headers).text
    assert "It waits for a worker" in text
    wrong = act(web, "/models/retrain", headers, why="x", action="forget")
    assert wrong.status_code == 400


def test_a_session_ends_with_its_key_and_on_logout(web: httpx.Client, keyed: Keyed) -> None:  # noqa: F811
    """A revoked key leads to the login at the next action; after a logout the old cookie is nobody's."""
    with connect(keyed.database) as conn:
        token = keys.create(conn, ["admin"], note="short")
    _answered(keyed.url, token, 200)
    headers = logged_in(web, token)
    text = web.get("/models/retrain", headers=headers).text
    form = {"form_token": form_token(text), "why": "x", "action": "retrain"}
    with connect(keyed.database) as conn:
        keys.revoke(conn, token.split("_")[1], why="test")
    _answered(keyed.url, token, 401)
    answer = web.post("/models/retrain", data=form, headers=headers)
    assert answer.headers["location"] == "/login?next=%2Fmodels%2Fretrain&ended=1"
    assert "Log out" not in web.get("/models", headers=headers).text
    headers = logged_in(web, keyed.tokens["write"])
    text = web.get("/", headers=headers).text
    assert "write of the test" in text
    web.post("/logout", data={"form_token": form_token(text)}, headers=headers)
    assert "Log out" not in web.get("/", headers=headers).text


def _answered(url: str, token: str, status: int) -> None:
    """Wait until the service knows what became of the key."""
    headers = {"authorization": f"Bearer {token}"}
    with httpx.Client(base_url=url, trust_env=False, headers=headers) as client:
        assert process.wait_until(
            lambda: client.get("/keys/current").status_code == status, seconds=30
        )


def test_without_the_service_pages_read_on_and_without_keys_this_machine_may_act(
    web: httpx.Client,  # noqa: F811
    keyed: Keyed,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What is away is named, the ledger is shown; where no key is asked for, no login is either."""
    run.stop()
    assert web.get("/models").status_code == 200
    with connect(keyed.database) as conn:
        newest = promotions.current_promotion(conn)
    assert newest is not None
    for path in ("/models/retrain", "/login", f"/models/promotions/{newest.id}"):
        assert "The forecast service does not answer" in web.get(path).text, path
    form = {"form_token": form_token(web.get("/login").text), "key": keyed.tokens["admin"]}
    assert web.post("/login", data=form).status_code == 503
    monkeypatch.setenv("HORIZONTE_AUTH", "off")
    config.settings.cache_clear()
    run.start(port=urlsplit(keyed.url).port)
    assert "asks for no keys" in web.get("/login").text
    proxied = {"x-forwarded-for": "192.0.2.7"}
    assert "This needs a login" in web.get("/models/retrain", headers=proxied).text
    done = act(web, "/models/retrain", {}, why="from this machine", action="retrain")
    number = int(done.headers["location"].rpartition("/")[2])
    with connect(keyed.database) as conn:
        assert retrainings.whole(conn, number).requested_by == "service"
