"""The composition root: one hub over one state directory, as a library and as what every command holds.

::

    with Hub.open("state", "isthmus.toml") as hub:
        report = hub.sync()
        for asset in hub.assets()["assets"]: ...

Every method that answers a command returns plain data in the shape of that command's ``--json``.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from isthmus_hub import link, repair, views
from isthmus_hub._sqlite import StorageDamaged
from isthmus_hub.bus import EARLIEST, OBSERVED, RESOLVED, Start, Subscription
from isthmus_hub.bus_operations import OperatesBus, offset_of
from isthmus_hub.covering import Covers
from isthmus_hub.decisions import Decides
from isthmus_hub.delivery import Deliverer, DeliveryReport
from isthmus_hub.explore import Explores
from isthmus_hub.fitting import Fits
from isthmus_hub.forward import Forwarder
from isthmus_hub.keeping import base_of_rebuild, checkpoint_of, resolve_all
from isthmus_hub.parts import Parts
from isthmus_hub.placing import Places
from isthmus_hub.receive import check_addresses
from isthmus_hub.runtime import (
    Failure,
    Plan,
    Session,
    StreamRun,
    plan,
    plugin,
    preview,
    resolve_secrets,
    retry,
)
from isthmus_sdk import protocol, stix
from isthmus_sdk.errors import ConfigurationError, IsthmusError
from isthmus_sdk.loader import load_platform

PARALLEL_INSTANCES = 8


class Hub(Parts, Explores, Decides, Places, Fits, Covers, OperatesBus):
    """One hub. Use :meth:`open`; it is a context manager. Safe for several threads."""

    @cached_property
    def forwarder(self) -> Forwarder:
        """Ships what is observed to the centre. Raises :class:`ConfigurationError` where this hub is no collector."""
        forwarder = link.forwarder(self)
        self._closing.callback(forwarder.close)
        return forwarder

    # -- fetching ----------------------------------------------------------------------------------------------------

    def plan(self, instance: str, *, record: Path | None = None, one_pass: bool = False) -> Plan:
        """How to run an instance; resolves its secrets now, so that a new value needs no restart.

        Raises :class:`ConfigurationError` where its connector was added and is no longer what was added.
        """
        chosen = self.config.connectors.get(instance)
        found = self.connectors.get(chosen.use) if chosen else None
        if found is not None and found.site is not None:
            self.added.verify(found.name)
        return plan(
            self.config,
            instance,
            self.connectors,
            self.secrets.resolve,
            accounts=self.state.accounts,
            record=record,
            one_pass=one_pass,
            spools={stream: self._spooled(instance, stream) for stream in (chosen.receive if chosen else ())},
        )

    def _spooled(self, instance: str, stream: str) -> protocol.Spooled:
        """What a run may read of what was received: all that is durable now."""
        spool = self.spool(instance, stream)
        return protocol.Spooled(directory=str(spool.directory), spool=spool.id, until=spool.end, quota=spool.quota)

    def run_instance(
        self,
        instance: str,
        *,
        record: Path | None = None,
        one_pass: bool = False,
        stop: threading.Event | None = None,
        streams: Sequence[str] | None = None,
    ) -> list[StreamRun]:
        """One run of all its streams, or of those named. Never raises for a fault of the connector: the reports say what
        happened.
        """
        with self._instances.setdefault(instance, threading.Lock()):
            try:
                session = Session(
                    self.plan(instance, record=record, one_pass=one_pass),
                    self.ingest,
                    self.observer,
                    inventories=self.inventories,
                    stop=stop,
                )
                runs = session.run(streams)
                self._let_go(instance)
            except IsthmusError as error:
                runs = [StreamRun(instance, "", error=Failure.of(error))]
        for run in runs:
            if run.error is not None:  # a far side may repeat what it was sent
                run.error.message = self.redactor.text(run.error.message)
        for stream, lines in self.journal.note(instance, runs).items():
            self.observer.log(instance, "warning", "fields drifted", {"stream": stream, "fields": lines[:20]})
        return runs

    def _let_go(self, instance: str) -> None:
        """Take from the spools what is on the bus."""
        chosen = self.config.connectors.get(instance)  # a run may outlive its instance in the configuration
        for stream in chosen.receive if chosen else ():
            spool = self.spool(instance, stream)
            spool.trim(self.received_until(instance, stream, spool.id))

    def resolve(self) -> int:
        """Resolve and relay all there is; returns the number of offsets taken from ``observed``.

        A hub that only forwards takes none.
        """
        if not self.resolves:
            return 0
        with self._resolve_turn:
            try:
                taken = resolve_all(self.resolver, self.store, self.bus, self.keeping)
            except StorageDamaged as error:
                if repair.is_the_stores(error, self.state):
                    self.unreadable = repair.unreadable(error)
                raise
            self.unreadable = ""
            return taken

    @contextmanager
    def resolving(self) -> Iterator[None]:
        """Resolve in the background while the body runs, and everything that is left when it ends."""
        if not self.resolves:
            yield
            return
        stop = threading.Event()
        failures: list[BaseException] = []

        def follow() -> None:
            try:
                while not stop.is_set():
                    self.resolve()
                    stop.wait(0.2) if self.waits else self.bus.wait(OBSERVED, self.resolver.position(), 0.2)
            except BaseException as error:
                failures.append(error)

        thread = threading.Thread(target=follow, name="resolve")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
        if failures:
            raise failures[0]
        self.resolve()

    # -- delivering --------------------------------------------------------------------------------------------------

    def deliverer(self, name: str) -> Deliverer:
        """The delivery of a configured platform; a new session each time."""
        chosen = self.config.platform_named(name)
        found, _ = plugin(self.platforms, chosen.use, kind="platform", where=self.config.where("platform", name, "use"))
        secrets = resolve_secrets(chosen.secrets, self.secrets.resolve, self.config.where("platform", name))
        session = load_platform(found.value).open(
            name,
            self._platform_settings(name),
            secrets,
            hub=self.name,
            tls=chosen.tls.as_dict() or None,
            proxy=chosen.proxy,
        )
        return Deliverer(
            session,
            store=self.store,
            bus=self.bus,
            ledger=self.ledger,
            max_tlp=chosen.max_tlp,
            primary=name == self.config.primary,
            turn=self._deliveries.setdefault(name, threading.Lock()),
        )

    def deliver_all(self, names: Sequence[str] | None = None) -> list[dict[str, Any]]:
        """One delivery run to each platform, side by side; a fault of one is in its report and stops no other."""
        chosen = (
            [name for name, platform in self.config.platforms.items() if platform.enabled]
            if names is None
            else list(names)
        )
        if not chosen:
            return []
        with ThreadPoolExecutor(max_workers=len(chosen), thread_name_prefix="deliver") as pool:
            return list(pool.map(self._deliver_once, chosen))

    def _deliver_once(self, name: str) -> dict[str, Any]:
        try:
            deliverer = self.deliverer(name)
        except IsthmusError as error:
            return DeliveryReport(name, error=self.redactor.text(str(error)), group=error.group).to_json()
        try:
            run = deliverer.run_once()
            report = run.to_json()
            return {**report, "error": report["error"] and self.redactor.text(report["error"])}
        finally:
            deliverer.close()

    def _platform_settings(self, name: str) -> Mapping[str, Any]:
        """Settings with relative directories taken from the configuration file."""
        settings = dict(self.config.platforms[name].settings)
        directory = settings.get("directory")
        if isinstance(directory, str):
            settings["directory"] = str(self.config.file.parent.resolve() / directory)
        return settings

    # -- commands ----------------------------------------------------------------------------------------------------

    def sync(self, names: Sequence[str] = (), *, record: str | None = None) -> dict[str, Any]:
        """One pass: fetch, resolve, forward, deliver. Returns the shape of ``sync --json``."""
        chosen = list(names) or [name for name, instance in self.config.connectors.items() if instance.enabled]
        for name in chosen:
            self.config.connector_named(name)
        totals = self.resolver.totals if self.resolves else {}
        before = {key: total.unchanged for key, total in totals.items()}
        folder = Path(record) if record else None
        with (
            self.resolving(),
            ThreadPoolExecutor(max_workers=PARALLEL_INSTANCES, thread_name_prefix="instance") as pool,
        ):
            runs = [
                run
                for group in pool.map(
                    lambda name: self.run_instance(name, record=folder and folder / name, one_pass=True), chosen
                )
                for run in group
            ]
        for run in runs:
            if total := totals.get((run.instance, run.stream)):
                run.unchanged = total.unchanged - before.get((run.instance, run.stream), 0)
        found: dict[str, Any] = {"runs": [run.as_json() for run in runs], "deliveries": self.deliver_all()}
        if self.config.hub.forward is not None:
            self.forwarder.drain()
            found["forward"] = link.forward_status(self)
        return found

    def deliver(self, name: str, from_: str | None = None) -> dict[str, Any]:
        """Deliver to one platform; ``from_`` is ``store`` or an offset of ``resolved`` to start anew from."""
        if from_ is not None:
            start: Literal["store"] | int = "store" if from_ == "store" else offset_of(from_)
            deliverer = self.deliverer(name)
            try:
                deliverer.replay(start)
            finally:
                deliverer.close()
        return {"deliveries": self.deliver_all([name])}

    def check(self, name: str) -> dict[str, Any]:
        """Settings, reachability, authentication and permissions of an instance or platform. Raises what is wrong.

        ``lacking`` are those of the findings that say what a stream of the instance may not read.
        """
        lacking: list[str] = []
        if (
            name == "forward"
            and self.config.hub.forward
            and name not in {*self.config.connectors, *self.config.platforms}
        ):
            findings = link.check(self)
        elif name in self.config.platforms and name not in self.config.connectors:
            deliverer = self.deliverer(name)
            try:
                findings = deliverer.check()
            finally:
                deliverer.close()
        else:
            plan = self.plan(name, one_pass=True)
            checked = Session(plan, self.ingest, self.observer).check()
            findings = [*checked.findings, *self._check_receivers(name)]
            lacking = [said for said, streams in checked.lacking.items() if not streams or {*streams} & {*plan.streams}]
        return {"name": name, "ok": not lacking, "findings": findings, "lacking": lacking}

    def _check_receivers(self, name: str) -> list[str]:
        """Whether the addresses of an instance can be listened on, and its secrets are there. Raises what is wrong."""
        findings = []
        for stream, config in self.config.connectors[name].receive.items():
            self.receive_secrets(name, stream)
            listen = self.receivers.status(name, stream).get("listen", ())
            open_here = [one["address"] for one in listen if one["listening"]]
            findings += [f"{stream}: {line}" for line in check_addresses(config, open_here=open_here)]
        return findings

    def status(self) -> dict[str, Any]:
        """The shape of ``status --json``."""
        return {**views.status(self), **link.status(self)}

    def stored(self) -> dict[str, Any]:
        """How much the store holds; nothing where it cannot be read, and `unreadable` says so from then on."""
        try:
            return self.store.counts()
        except StorageDamaged as error:
            self.unreadable = repair.unreadable(error)
            return {}

    def confirm_absence(self, instance: str, stream: str) -> dict[str, Any]:
        """Mark absent what a held snapshot lacked; the decision is durable, and `store rebuild` replays it."""
        return views.confirm_absence(self, instance, stream)

    def accept_drift(self, instance: str, stream: str | None = None) -> dict[str, Any]:
        """Fields of a vendor that drifted are known from now on: ``status`` no longer names them, nor does the log."""
        return views.accept_drift(self, instance, stream)

    def report(self, owner: str | None = None) -> str:
        """One self-contained HTML page for people; of one team with ``owner``. Raises for a team that owns nothing here."""
        return views.report(self, owner)

    def preview(self, name: str, stream: str, limit: int = 3) -> dict[str, Any]:
        """The first records of a stream and what they become; nothing is stored."""
        return {"instance": name, "stream": stream, "records": preview(self.plan(name, one_pass=True), stream, limit)}

    def quarantine_list(self, instance: str | None = None, limit: int = 100) -> dict[str, Any]:
        """Waiting records, oldest first, and the counts of everything."""
        return repair.quarantine_list(self.quarantine, instance, limit)

    def quarantine_show(self, id: str) -> dict[str, Any]:
        """One record with its raw text."""
        return repair.quarantine_show(self.quarantine, id)

    def quarantine_retry(self, ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Map records again, publishing with their original time."""
        mapped, failed = retry(repair.chosen(self.quarantine, ids), self.plan, self.ingest, self.observer)
        self.quarantine.mark_retried(mapped)
        self.quarantine.mark_retried(failed, succeeded=False)
        self.resolve()
        return {"retried": len(mapped), "failed": len(failed)}

    def quarantine_drop(self, ids: Sequence[str] | None = None) -> dict[str, Any]:
        """Remove records for good; they stay counted."""
        return repair.quarantine_drop(self.quarantine, ids)

    def dead_list(self, platform: str | None = None) -> dict[str, Any]:
        """Dead letters, oldest first."""
        return repair.dead_list(self.ledger, platform)

    def dead_show(self, number: int) -> dict[str, Any]:
        """One dead letter with its object."""
        return repair.dead_show(self.ledger, number)

    def dead_retry(self, numbers: Sequence[int] | None = None, platform: str | None = None) -> dict[str, Any]:
        """Put dead letters back in their platform's queue."""
        return {"requeued": self.ledger.retry_dead(numbers, platform=platform)}

    def dead_drop(self, numbers: Sequence[int] | None = None, platform: str | None = None) -> dict[str, Any]:
        """Forget dead letters; they stay counted as rejected."""
        return {"dropped": self.ledger.drop_dead(numbers, platform=platform)}

    def export(self, stream: str = RESOLVED) -> Iterator[bytes]:
        """Every current object of a side, encoded, referents first where that is known."""
        if stream not in (OBSERVED, RESOLVED):
            raise ConfigurationError(f"--stream {stream}: is neither observed nor resolved")
        side: Literal["observed", "resolved"] = OBSERVED if stream == OBSERVED else RESOLVED
        if side == RESOLVED:
            yield stix.encode(self.store.author_object())
        for stored in self.store.iterate(None, side):
            yield stix.encode(stored.body)

    def subscribe(self, stream: str = RESOLVED, group: str | None = None, *, from_: Start = EARLIEST) -> Subscription:
        """Read a stream of the bus; a named group is remembered and holds back retention until it commits."""
        return self.bus.subscribe(stream, group, from_=from_)

    def store_rebuild(self) -> dict[str, Any]:
        """Make the store anew from ``observed``; the former file is kept beside it.

        What does not follow from ``observed`` is taken over first: assignments, aliases, published versions and what
        waits to be published, so that platforms are told only what differs. The new file takes the former one's place
        when it is whole, so a kill at any instant leaves one or the other. Nothing else may use the store meanwhile.
        Where the beginning of the stream is no longer retained, the checkpoint stands for it; raises where that is gone.
        From a store too damaged to be read nothing is taken over: ``damage`` says so, and is empty otherwise.
        """
        base = base_of_rebuild(self.bus, checkpoint_of(self.state.store))
        path, damage = self.state.store, ""
        with self._resolve_turn:
            try:
                entries = repair.build_store(path, self.store, self.bus, self.name, base, beliefs=self.beliefs)
            except StorageDamaged as error:
                damage = str(error)
                entries = repair.build_store(
                    path, None, self.bus, self.name, base, by_object=self.by_object, beliefs=self.beliefs
                )
            if "store" in self.__dict__:
                self.store.close()
            for part in ("store", "resolver"):
                self.__dict__.pop(part, None)
            kept = repair.replace_store(path, damaged=bool(damage))
            self.unreadable = ""
        self.resolve()
        return {"entries": entries, "former": str(kept), "damage": damage}

    def store_check(self) -> dict[str, Any]:
        """Verify the store, setting aside objects that cannot be believed; returns the problems found."""
        try:
            problems = self.store.check(quarantine=True) + (repair.unfit(self.store, self.bus) if self.resolves else [])
        except StorageDamaged as error:
            problems = [repair.unreadable(error)]
        return {"ok": not problems, "problems": problems}
