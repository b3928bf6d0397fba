"""Receivers against each other, and against what the streams of a connector declare."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from isthmus_hub.config._endpoint import Endpoint
from isthmus_hub.config._model import Config, ConnectorConfig, ReceiveConfig
from isthmus_hub.config._problems import Problem, dotted
from isthmus_sdk.nearest import did_you_mean
from isthmus_sdk.push import ClientCertificate, Push, Webhook


def receive_problems(config: Config) -> list[Problem]:
    """Addresses that two receivers claim, and streams with two inputs."""
    problems: list[Problem] = []
    taken: dict[tuple[str, str, int], tuple[Endpoint, str, ReceiveConfig]] = {}
    paths: set[str] = set()
    for instance, connector in config.connectors.items():
        for stream, receiver in connector.receive.items():
            path = ("connector", instance, "receive", stream)
            if stream in (connector.files or {}):
                text = "is read from `files` as well; give the files to an instance of its own with the same source_id"
                problems.append(Problem(config.where(*path), dotted(path), text))
            for endpoint in receiver.listen:
                owner = taken.setdefault(endpoint.socket, (endpoint, dotted(path), receiver))
                if problem := _clash(endpoint, receiver, owner, str(endpoint) in paths):
                    problems.append(Problem(config.where(*path, "listen"), dotted((*path, "listen")), problem))
                paths.add(str(endpoint))
    return problems


def _clash(
    endpoint: Endpoint, receiver: ReceiveConfig, owner: tuple[Endpoint, str, ReceiveConfig], same: bool
) -> str | None:
    first, name, other = owner
    if same:
        return f"{endpoint} is an address of {name} already" if other is not receiver else f"names {endpoint} twice"
    if first is endpoint or endpoint.port == 0:
        return None
    if not (first.webhook and first.scheme == endpoint.scheme):
        return f"{endpoint} and {first} of {name} cannot share a port"
    if (receiver.cert, receiver.key, receiver.ca) != (other.cert, other.key, other.ca):
        return f"{endpoint} shares its port with {name} and needs the same cert, key and ca"
    return None


def against_declaration(
    instance: ConnectorConfig, streams: Collection[str], push: Mapping[str, Push]
) -> Iterator[tuple[tuple[str, ...], str]]:
    """Where receivers do not fit what the connector's streams declare."""
    for stream, receiver in instance.receive.items():
        if stream not in streams:
            yield ("receive", stream), f"no such stream{did_you_mean(stream, streams)}"
            continue
        declared = push.get(stream)
        if declared is None:
            known = f"; pushed can be: {', '.join(push)}" if push else "; this connector declares no push"
            yield ("receive", stream), f"the stream cannot be pushed{known}"
            continue
        yield from ((("receive", stream, *path), text) for path, text in _one(receiver, declared))


def _one(receiver: ReceiveConfig, declared: Push) -> Iterator[tuple[tuple[str, ...], str]]:
    if not isinstance(declared, Webhook):
        if receiver.listen[0].webhook:
            yield ("listen",), 'the stream takes syslog: write "udp://…", "tcp://…" or "tls://…"'
        if receiver.secrets or receiver.unsigned:
            yield (), "syslog has no signature: leave out `secrets` and `unsigned`; `tls://` with `ca` proves who sends"
        return
    if not receiver.listen[0].webhook:
        yield ("listen",), 'the stream takes webhooks: write "http://127.0.0.1:PORT/PATH" or "https://…"'
    signature = declared.signature
    token = declared.challenge is not None and bool(declared.challenge.token)
    by_certificate = isinstance(signature, ClientCertificate)
    if signature is None and not receiver.unsigned and receiver.ca is None:
        yield (
            (),
            "this vendor does not sign; `unsigned = true` takes whatever arrives, `ca` asks for a client certificate",
        )
    if by_certificate and (receiver.ca is None or any(one.scheme != "https" for one in receiver.listen)):
        yield (), "the sender proves itself by a client certificate: listen on https:// alone and set `ca`"
    if signature is not None and receiver.unsigned:
        yield ("unsigned",), "is for vendors that do not sign; this one does: set `secrets`"
    needed = (signature is not None and not by_certificate) or token
    if needed and not receiver.secrets:
        yield ("secrets",), 'is missing: secrets = "vault:NAME/webhook", with what the vendor signs with'
    if receiver.secrets and not needed:
        yield ("secrets",), "is not used: this vendor signs with no secret"


__all__ = ["against_declaration", "receive_problems"]
