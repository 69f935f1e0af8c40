"""Every sentence that the loop says, in English and in Brazilian Portuguese."""

from __future__ import annotations

import shlex
from typing import Any

LANGUAGES = ("en", "pt-BR")
MESSAGES: dict[str, tuple[str, str]] = {
    # what is done
    "keep": (
        "The model stays: nothing asks for another.",
        "O modelo continua: nada pede outro.",
    ),
    "keep unjudged": (
        "The model stays: no target has enough forecasts yet that can be compared with what came "
        "({rows} of {needed} values, from {days} of {least} days).",
        "O modelo continua: nenhum alvo tem ainda previsões suficientes para comparar com o que "
        "aconteceu ({rows} de {needed} valores, de {days} de {least} dias).",
    ),
    "keep held": (
        "The model stays although {reasons}: {brakes}.",
        "O modelo continua, embora algo peça uma mudança ({reasons}): {brakes}.",
    ),
    "recalibrate": (
        "The intervals are to be set anew: {reasons}.",
        "Os intervalos devem ser recalibrados: {reasons}.",
    ),
    "retrain": (
        "The model is to be trained again: {reasons}.",
        "O modelo deve ser treinado de novo: {reasons}.",
    ),
    "named": (
        "{said} What was noticed: {findings}.",
        "{said} O que se notou: {findings}.",
    ),
    "mend": (
        "{said} No retraining mends this: {findings}.",
        "{said} Nenhum treino conserta isto: {findings}.",
    ),
    "convert": (
        "{said} Where that is so, the readings are converted by saying it: {commands}.",
        "{said} Se for isso, as leituras são convertidas ao dizê-lo: {commands}.",
    ),
    # why
    "skill decay": (
        "the forecasts of {thing} have lost {value} against the naive forecast",
        "as previsões de {thing} perderam {value} em relação à previsão ingênua",
    ),
    "coverage 80 %": (
        "the 80 % intervals of {thing} hold {value} of what came",
        "os intervalos de 80 % de {thing} contêm {value} do que aconteceu",
    ),
    "coverage 90 %": (
        "the 90 % intervals of {thing} hold {value} of what came",
        "os intervalos de 90 % de {thing} contêm {value} do que aconteceu",
    ),
    "residual drift": (
        "the errors of {thing} have left their usual range, for {value}",
        "os erros de {thing} saíram da faixa habitual, por {value}",
    ),
    "another course": (
        "{thing} has had another course for {value}, which the model does not know",
        "{thing} tem há {value} outro curso, que o modelo não conhece",
    ),
    "briefly learnt": (
        "it was trained on only {value} of the new course of {thing}",
        "ele foi treinado com só {value} do novo curso de {thing}",
    ),
    "champion age": (
        "the newest data it was trained on is {value} old",
        "os dados mais novos do seu treino têm {value}",
    ),
    "and": ("{first} and {last}", "{first} e {last}"),
    "more": ("{named} and {count} more", "{named} e mais {count}"),
    # what holds it back
    "champion too young": (
        "it has served only {serving} of the {min_age} days that a model is given",
        "ele serve há só {serving} dos {min_age} dias que se dão a um modelo",
    ),
    "cool-down": (
        "the last request for another is less than {cool_down} days old",
        "o último pedido de outro tem menos de {cool_down} dias",
    ),
    "retraining waits": (
        "a request for another is waiting already",
        "já há um pedido de outro à espera",
    ),
    "too few rows": (
        "too few forecasts can be compared with what came",
        "poucas previsões podem ser comparadas com o que aconteceu",
    ),
    "annotation": (
        "a note says that these days are not usual",
        "uma anotação diz que estes dias não são normais",
    ),
    "to be mended": (
        "the readings themselves are at fault",
        "o problema está nas próprias leituras",
    ),
    "too recent": (
        "the change is too recent: days after it must train a model, and later ones judge it",
        "a mudança é recente demais: os dias seguintes a ela devem treinar um modelo, e os posteriores julgá-lo",
    ),
    "asked before": (
        "this led to no better model before, and it has not grown since",
        "isto já não levou a um modelo melhor, e não aumentou desde então",
    ),
    # what was named
    "missing feed": (
        "no readings of {thing} since {since}",
        "sem leituras de {thing} desde {since}",
    ),
    "stuck sensor": (
        "{thing} has read the same since {since}",
        "{thing} lê sempre o mesmo desde {since}",
    ),
    "unit change": (
        "{thing} reads in another unit since {since}{factor}",
        "{thing} lê em outra unidade desde {since}{factor}",
    ),
    "level shift": (
        "{thing} has run at another level since {since}",
        "{thing} está em outro nível desde {since}",
    ),
    "trend break": (
        "{thing} has had another trend since {since}",
        "{thing} tem outra tendência desde {since}",
    ),
    "variance change": (
        "{thing} has varied more or less than before since {since}",
        "{thing} varia mais ou menos que antes desde {since}",
    ),
    "phase shift": (
        "the course of {thing} has been shifted in time since {since}",
        "o curso de {thing} está deslocado no tempo desde {since}",
    ),
    "slow decay": (
        "the forecasts of {thing} have grown worse since {since}",
        "as previsões de {thing} pioram desde {since}",
    ),
    "unnamed change": (
        "something about {thing} has changed since {since}, and a few days more will say what",
        "algo mudou em {thing} desde {since}, e mais alguns dias dirão o quê",
    ),
    "factor": (" (times {value})", " (vezes {value})"),
    # what raises an alarm
    "no forecast": (
        "No live forecast of {thing} was issued in time.",
        "Nenhuma previsão de {thing} foi emitida a tempo.",
    ),
    "no readings": (
        "Source {thing} has brought no readings for {value}.",
        "A fonte {thing} não traz leituras há {value}.",
    ),
    "monitor not run": (
        "Nobody has watched the forecasts for {value}: run horizonte monitor.",
        "Ninguém acompanha as previsões há {value}: execute horizonte monitor.",
    ),
    "monitor never run": (
        "Nobody has ever watched the forecasts: run horizonte monitor.",
        "Ninguém jamais acompanhou as previsões: execute horizonte monitor.",
    ),
    "champion too old": (
        "The newest data that model {thing} was trained on is {value} days old.",
        "Os dados mais novos do treino do modelo {thing} têm {value} dias.",
    ),
    "nobody retrains": (
        "Retraining {thing} was asked for {value} ago and nobody works on it: run horizonte retrain.",
        "O treino {thing} foi pedido há {value} e ninguém o executa: execute horizonte retrain.",
    ),
    "retraining failed": (
        "Retraining {thing} failed: read its last step, mend the cause and ask again.",
        "O treino {thing} falhou: leia a última etapa, corrija a causa e peça de novo.",
    ),
    "retraining harmed": (
        "Model {thing} forecasts worse than the one before it.",
        "O modelo {thing} prevê pior que o anterior.",
    ),
    "retraining reverted": (
        "Model {thing} forecast worse than {former} and was taken back: {former} serves again.",
        "O modelo {thing} previu pior que {former} e foi retirado: {former} serve de novo.",
    ),
    "cleared": ("Over: {said}", "Encerrado: {said}"),
    "days": ("{value} days", "{value} dias"),
    "day": ("{value} day", "{value} dia"),
    "windows": ("{value} windows in a row", "{value} janelas seguidas"),
    "window": ("one window", "uma janela"),
    "hours": ("{value} hours", "{value} horas"),
    "minutes": ("{value} minutes", "{value} minutos"),
    "seconds": ("{value} seconds", "{value} segundos"),
    "second": ("{value} second", "{value} segundo"),
}
_UNITS = (("days", 86400, 3600), ("hours", 3600, 60), ("minutes", 60, 1))  # length, and what rounds


def say(name: str, language: str, **values: object) -> str:
    """Return message ``name`` in ``language`` with ``values`` in it; KeyError for an unknown one."""
    return MESSAGES[name][LANGUAGES.index(language)].format(**values)


def number(value: float, language: str, *, places: int = 0) -> str:
    """Return ``value`` with a decimal comma where the language has one."""
    text = f"{value:.{places}f}"
    return text.replace(".", ",") if language == "pt-BR" else text


def share(value: float, language: str) -> str:
    """Return ``value`` as a percentage."""
    return f"{number(100 * value, language)} %"


def counted(value: float, unit: str, language: str) -> str:
    """Return a whole number of ``unit`` (``days``, ``windows``), of one in the singular."""
    text = number(value, language)
    return say(unit.removesuffix("s") if text == "1" else unit, language, value=text)


def listed(parts: list[str], language: str, *, most: int = 3) -> str:
    """Return ``parts`` as one enumeration; beyond ``most`` they are counted."""
    shown, more = parts[:most], len(parts) - most
    if more > 0:
        return say("more", language, named=", ".join(shown), count=more)
    if len(shown) < 2:
        return "".join(shown)
    return say("and", language, first=", ".join(shown[:-1]), last=shown[-1])


def span(seconds: float, language: str) -> str:
    """Return a length of time in whole seconds, minutes, hours or days: the longest it has two of."""
    for unit, length, least in _UNITS:
        if round(seconds / least) * least >= 2 * length:
            return say(unit, language, value=round(seconds / length))
    return counted(seconds, "seconds", language)


def finding(language: str, *, name: str, thing: str, since: str, size: float | None) -> str:
    """Return what happened to a series; a name without a message stands for itself."""
    if name not in MESSAGES:
        return f"{thing}: {name}, {since[:10]}"
    factor = ""
    if size is not None and size > 0 and size != 1:
        places = 0 if size >= 100 else 2 if size >= 0.1 else 6
        told = number(size, language, places=places)
        told = told.rstrip("0") if places == 6 else told
        factor = say("factor", language, value=told)
    return say(name, language, thing=thing, since=since[:10], factor=factor)


def conversion(*, thing: str, since: str, factor: float, offset: float) -> str:
    """Return the command by which a series' readings are converted from ``since`` on."""
    at = since[:16] + "Z"  # of an instant in UTC
    plus = f" --offset {offset:.10g}" if offset else ""
    said = f"annotate {shlex.quote(thing)} {at} --kind unit_changed --factor {factor:.10g}{plus}"
    return f"`horizonte {said}`"


def both(name: str, **values: Any) -> tuple[str, str]:
    """Return message ``name`` in English and in Portuguese, with the same ``values``."""
    return say(name, "en", **values), say(name, "pt-BR", **values)
