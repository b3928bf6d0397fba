"""Findings of GuardDuty as alerts: about which instance, account, container or database, and what was seen. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from isthmus_connectors.aws_security.evidence import (
    addresses_and_names,
    connection,
    each_once,
    file,
    techniques,
)
from isthmus_connectors.aws_security.guard_duty_models import (
    Action,
    Ancestor,
    Connection,
    Container,
    Database,
    DutyFinding,
    DutyResource,
    KubernetesUser,
    PortProbe,
    Runtime,
    RuntimeProcess,
    Sequence,
    SequenceResource,
    Service,
    Threat,
)
from isthmus_connectors.aws_security.instances import INSTANCE, known_machine, machine
from isthmus_sdk.stix import Builder, Reference, Shape, Subject, normalise


def alert_of(finding: DutyFinding, stix: Builder) -> Shape:
    """The alert. Security Hub has it under its ARN, which is its id here too."""
    service = finding.service
    attack = service.detection.sequence if service.detection else None
    return stix.alert(
        finding.arn or finding.id,
        title=finding.title or finding.type or finding.id,
        description=finding.description,
        first_seen=service.event_first_seen or finding.created_at or finding.updated_at,
        last_seen=service.event_last_seen,
        modified=finding.updated_at,
        severity=normalise.severity(finding.severity, 10),
        vendor_severity=finding.severity,
        status="closed" if service.archived else "open",
        vendor_status="ARCHIVED" if service.archived else "ACTIVE",
        category=finding.type,
        count=min(max(service.count or 1, 1), 999_999_999),
        subjects=[*_subjects(finding, stix), *(_sequence_subjects(attack, stix) if attack else ())],
        observables=each_once(_observables(finding, attack, stix)),
        techniques=techniques(_indicators(attack)) if attack else (),
        references=list(_references(finding, attack)),
    )


# Whom it is about


def _subjects(finding: DutyFinding, stix: Builder) -> Iterator[Subject]:
    resource = finding.resource
    details = resource.instance_details
    if details.instance_id and (found := INSTANCE.match(details.instance_id)):
        tags = {tag.key: tag.value for tag in details.tags if tag.key and tag.value}
        made = machine(found[3], details, stix, region=finding.region, account=finding.account_id, tags=tags)
        yield Subject(made, (finding.service.resource_role or "target").lower())
    key = resource.access_key_details
    if key.user_name or key.principal_id:
        yield Subject(stix.user_account(key.user_name, user_id=key.principal_id or key.user_name), "user")
    for named in (*resource.s3_bucket_details, resource.eks_cluster_details):
        if id := named.arn or named.name:
            yield Subject(stix.system(named.name or id, native_id=id), "resource")
    if (function := resource.lambda_details) and (id := function.function_arn or function.function_name):
        yield Subject(stix.system(function.function_name or id, native_id=id), "resource")
    for backup in resource.backups:
        if backup and backup.arn:
            yield Subject(stix.system(backup.arn.rsplit("/", 1)[-1], native_id=backup.arn), "resource")
    yield from _of_containers(resource, stix)
    yield from _of_database(resource, stix)


def _of_containers(resource: DutyResource, stix: Builder) -> Iterator[Subject]:
    """Who and what of a cluster, down to the container."""
    containers = [resource.container_details] if resource.container_details else []
    if kubernetes := resource.kubernetes_details:
        if user := kubernetes.kubernetes_user_details:
            yield from _kubernetes_user(user, "user", stix)
        if (workload := kubernetes.kubernetes_workload_details) and workload.name:
            name = "/".join(part for part in (workload.namespace, workload.name) if part)
            yield Subject(stix.system(name, native_id=workload.uid or name, description=workload.type), "workload")
            containers += workload.containers
    if cluster := resource.ecs_cluster_details:
        if id := cluster.arn or cluster.name:
            yield Subject(stix.system(cluster.name or id, native_id=id), "resource")
        if task := cluster.task_details:
            if task.arn:
                yield Subject(stix.system(task.arn.rsplit("/", 1)[-1], native_id=task.arn), "workload")
            containers += task.containers
    for made in each_once(_container(each, stix) for each in containers):
        yield Subject(made, "container")


def _kubernetes_user(user: KubernetesUser, role: str, stix: Builder) -> Iterator[Subject]:
    if user.username or user.uid:
        yield Subject(stix.user_account(user.username, user_id=user.uid or user.username), role)
    if user.impersonated_user:
        yield from _kubernetes_user(user.impersonated_user, "impersonated", stix)


def _container(container: Container, stix: Builder) -> Shape | None:
    key = container.id or container.name
    return stix.system(container.name or key, native_id=key, description=container.image) if key else None


def _of_database(resource: DutyResource, stix: Builder) -> Iterator[Subject]:
    database, user = resource.database, resource.rds_db_user_details
    owner = _key_of(database)
    if database and owner:
        engine = " ".join(part for part in (database.engine, database.engine_version) if part) or None
        yield Subject(stix.system(database.name or owner, native_id=owner, description=engine), "resource")
    if user and user.user:
        yield Subject(_database_account(user.user, owner, stix), "user")


def _key_of(database: Database | None) -> str | None:
    return (database.arn or database.name) if database else None


def _database_account(name: str, owner: str | None, stix: Builder) -> Shape:
    """An account of one database: every one has its ``admin``."""
    return stix.user_account(name, user_id=f"{owner}/{name}" if owner else None)


def _sequence_subjects(attack: Sequence, stix: Builder) -> Iterator[Subject]:
    for actor in attack.actors:
        if actor.user and (actor.user.name or actor.user.uid):
            yield Subject(stix.user_account(actor.user.name, user_id=actor.user.uid or actor.user.name), "user")
    for resource in attack.resources:
        if made := _sequence_resource(resource, stix):
            yield Subject(made, (resource.resource_type or "resource").lower().replace("_", "-"))


def _sequence_resource(resource: SequenceResource, stix: Builder) -> Shape | None:
    if not resource.uid:
        return None
    if found := INSTANCE.match(resource.uid):
        region, account = found[1] or resource.region, found[2] or resource.account_id
        return known_machine(found[3], stix, region=region, account=account, name=resource.name)
    return stix.system(resource.name or resource.uid.rsplit("/", 1)[-1] or resource.uid, native_id=resource.uid)


# What was seen


def _observables(finding: DutyFinding, attack: Sequence | None, stix: Builder) -> Iterator[Shape | None]:
    service = finding.service
    yield from _of_action(service.action, finding.resource, stix)
    if service.runtime_details:
        yield from _of_runtime(service.runtime_details, finding.arn or finding.id, stix)
    for threat in _threats(service):
        yield from (file(stix, each.file_path, each.hash, name=each.file_name) for each in threat.file_paths)
        yield from (file(stix, each.nested_item_path, each.hash) for each in threat.item_paths)
    for match in service.evidence.threat_intelligence_details if service.evidence else ():
        yield file(stix, None, match.threat_file_sha256)
    for bucket in finding.resource.s3_bucket_details:
        yield from (file(stix, each.key, each.hash) for each in bucket.s3_object_details)
    if attack:
        yield from addresses_and_names(stix, (end for each in attack.endpoints for end in (each.ip, each.domain)))


def _of_action(action: Action, resource: DutyResource, stix: Builder) -> Iterator[Shape]:
    if met := action.network_connection_action:
        yield from addresses_and_names(stix, (met.remote_ip_details.v4, met.remote_ip_details.v6))
        yield from _connected(met, resource.instance_details.private_ip, stix)
    if call := action.aws_api_call_action:
        far = call.remote_ip_details
        yield from addresses_and_names(stix, (far.v4, far.v6, call.domain_details.domain))
    if probes := action.port_probe_action:
        yield from _probed(probes, resource.instance_details.private_ip, stix)
    if asked := action.dns_request_action:
        yield from addresses_and_names(stix, (asked.domain,))
    if request := action.kubernetes_api_call_action:
        far = request.remote_ip_details
        yield from addresses_and_names(stix, (*request.source_ips, far.v4, far.v6))
    if login := action.rds_login_attempt_action:
        yield from addresses_and_names(stix, (login.remote_ip_details.v4, login.remote_ip_details.v6))
        owner = _key_of(resource.database)
        yield from (_database_account(each.user, owner, stix) for each in login.login_attributes if each.user)


def _connected(met: Connection, own: str | None, stix: Builder) -> Iterator[Shape]:
    near, far = met.local_ip_details, met.remote_ip_details
    here, there = (near.v4 or own, far.v4) if far.v4 else (near.v6, far.v6)
    ports = met.local_port_details.port, met.remote_port_details.port
    if (met.connection_direction or "").upper() == "INBOUND":
        here, there, ports = there, here, ports[::-1]
    yield from connection(stix, here, there, met.protocol, source_port=ports[0], target_port=ports[1])


def _probed(action: PortProbe, own: str | None, stix: Builder) -> Iterator[Shape]:
    for probe in action.port_probe_details:
        near, far = probe.local_ip_details, probe.remote_ip_details
        yield from addresses_and_names(stix, (far.v4, far.v6))
        here = (near.v4 or own) if far.v4 else near.v6
        yield from connection(stix, far.v4 or far.v6, here, target_port=probe.local_port_details.port)


def _of_runtime(runtime: Runtime, owner: str, stix: Builder) -> Iterator[Shape | None]:
    context = runtime.context
    others = (context.modifying_process, context.target_process) if context else ()
    for told in (runtime.process, *others):
        if told is not None:
            above = {each.uuid: each for each in told.lineage if each.uuid}
            yield _process(told, owner, above, stix)
    if context:
        yield file(stix, context.module_file_path, context.module_sha256)
        for path in (
            context.script_path, context.library_path, context.socket_path, context.runc_binary_path,
            context.release_agent_path, context.shell_history_file_path, context.threat_file_path, context.file_path,
            *context.related_file_paths,
        ):  # fmt: skip
            yield file(stix, path)


def _process(told: Ancestor, owner: str, above: Mapping[str, Ancestor], stix: Builder) -> Shape | None:
    """A process with its image, its user and, as far as the lineage goes, its ancestors."""
    known = told if isinstance(told, RuntimeProcess) else None
    image = file(stix, told.executable_path or told.name, known.executable_sha256 if known else None)
    if told.pid is None and image is None:
        return None
    rest = {uuid: each for uuid, each in above.items() if uuid not in (told.uuid, told.parent_uuid)}
    parent = above.get(told.parent_uuid) if told.parent_uuid and told.parent_uuid != told.uuid else None
    return stix.process(
        told.uuid or f"{owner}:{told.pid}:{told.start_time or ''}",
        pid=told.pid,
        cwd=known.pwd if known else None,
        created=told.start_time,
        image=image,
        user=stix.user_account(known.user, user_id=told.user_id) if known and known.user else None,
        parent=_process(parent, owner, rest, stix) if parent else None,
    )


def _threats(service: Service) -> Iterator[Threat]:
    if (scan := service.ebs_volume_scan_details) and scan.scan_detections:
        found = scan.scan_detections.threat_detected_by_name
        yield from found.threat_names if found else ()
    if service.malware_scan_details:
        yield from service.malware_scan_details.threats


def _indicators(attack: Sequence) -> Iterator[str]:
    signals = (each for signal in attack.signals for each in signal.signal_indicators)
    for indicator in (*attack.sequence_indicators, *signals):
        if indicator.key == "ATTACK_TECHNIQUE":
            yield from indicator.values


def _references(finding: DutyFinding, attack: Sequence | None) -> Iterator[Reference]:
    """Its own id, what the threat is called and by which list, and the findings of which an attack is made."""
    yield Reference("aws-guardduty", external_id=finding.id)
    if rule := finding.custom_detection_rule_name:
        yield Reference("aws-rule", external_id=rule)
    names: dict[str, str | None] = {threat.name: None for threat in _threats(finding.service) if threat.name}
    for match in finding.service.evidence.threat_intelligence_details if finding.service.evidence else ():
        names |= dict.fromkeys(match.threat_names, match.threat_list_name)
    yield from (Reference("aws-threat", external_id=name, description=by) for name, by in names.items())
    if attack:
        ids = dict.fromkeys(signal.uid for signal in attack.signals if signal.uid)
        yield from (Reference("aws-signal", external_id=id) for id in ids)


__all__ = ["alert_of"]
