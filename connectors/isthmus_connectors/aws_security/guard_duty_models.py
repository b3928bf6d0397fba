"""Findings of GuardDuty: only the fields that the mapping uses. What few kinds of finding have is ``None`` in the others."""

from __future__ import annotations

from typing import Annotated

from pydantic import AliasChoices, Field

from isthmus_connectors.aws_security.models import DutyModel, Given, InstanceDetails, Nested, empty
from isthmus_sdk.fields import Flag, Many, Moment, NativeId, Number, Port, Text, Texts, Whole

# What a finding is about


class AccessKey(DutyModel):
    """Whose credential was used."""

    access_key_id: Text = None
    principal_id: Text = None
    user_name: Text = None
    user_type: Text = None


class Named(DutyModel):
    """A bucket or cluster."""

    arn: Text = None
    name: Text = None


class BucketObject(DutyModel):
    """An object in which malware was found; ``hash`` is of its content (SHA-256)."""

    key: Text = None
    hash: Text = None


class Bucket(Named):
    """A bucket of S3."""

    s3_object_details: Annotated[list[BucketObject], Many] = Field(default_factory=list, alias="s3ObjectDetails")


class KubernetesUser(DutyModel):
    """Who asked the control plane of Kubernetes."""

    username: Text = None
    uid: Text = None
    groups: Texts = ()
    impersonated_user: Given[KubernetesUser] = None


class Container(DutyModel):
    """A container; ``id`` is the runtime's own."""

    id: Text = None
    name: Text = None
    image: Text = None


class Workload(DutyModel):
    """A pod, or what makes pods."""

    name: Text = None
    type: Text = None
    uid: Text = None
    namespace: Text = None
    containers: Annotated[list[Container], Many] = Field(default_factory=list)


class Kubernetes(DutyModel):
    """Who and what in a cluster."""

    kubernetes_user_details: Given[KubernetesUser] = None
    kubernetes_workload_details: Given[Workload] = None


class EcsTask(DutyModel):
    """A task of ECS."""

    arn: Text = None
    containers: Annotated[list[Container], Many] = Field(default_factory=list)


class EcsCluster(Named):
    """A cluster of ECS."""

    task_details: Given[EcsTask] = None


class Lambda(DutyModel):
    """A function."""

    function_arn: Text = None
    function_name: Text = None


class Database(DutyModel):
    """An instance of RDS or Aurora, or a group of shards."""

    name: Text = Field(None, validation_alias=AliasChoices("dbInstanceIdentifier", "dbShardGroupIdentifier"))
    arn: Text = Field(None, validation_alias=AliasChoices("dbInstanceArn", "dbShardGroupArn"))
    engine: Text = None
    engine_version: Text = None


class Backup(DutyModel):
    """A snapshot, image or recovery point in which malware was found."""

    arn: Text = Field(None, validation_alias=AliasChoices("snapshotArn", "imageArn", "recoveryPointArn"))


class DatabaseUser(DutyModel):
    """Who logged in to a database, or tried."""

    user: Text = None
    application: Text = None
    database: Text = None


class DutyResource(DutyModel):
    """What a GuardDuty finding is about."""

    resource_type: Text = None
    instance_details: Annotated[InstanceDetails, Nested] = Field(default_factory=empty(InstanceDetails))
    access_key_details: Annotated[AccessKey, Nested] = Field(default_factory=empty(AccessKey))
    s3_bucket_details: Annotated[list[Bucket], Many] = Field(default_factory=list, alias="s3BucketDetails")
    eks_cluster_details: Annotated[Named, Nested] = Field(default_factory=empty(Named))
    kubernetes_details: Given[Kubernetes] = None
    ecs_cluster_details: Given[EcsCluster] = None
    container_details: Given[Container] = None
    lambda_details: Given[Lambda] = None
    rds_db_instance_details: Given[Database] = None
    rds_limitless_db_details: Given[Database] = None
    rds_db_user_details: Given[DatabaseUser] = None
    ebs_snapshot_details: Given[Backup] = None
    ec2_image_details: Given[Backup] = Field(None, alias="ec2ImageDetails")
    recovery_point_details: Given[Backup] = None

    @property
    def database(self) -> Database | None:
        """The database, of whichever kind."""
        return self.rds_db_instance_details or self.rds_limitless_db_details

    @property
    def backups(self) -> tuple[Backup | None, ...]:
        """What was scanned that is no running machine."""
        return self.ebs_snapshot_details, self.ec2_image_details, self.recovery_point_details


# What was done


class Address(DutyModel):
    """One end."""

    v4: Text = Field(None, alias="ipAddressV4")
    v6: Text = Field(None, alias="ipAddressV6")


class PortDetails(DutyModel):
    """A port of an end; 0 where there is none."""

    port: Port = None


class Domain(DutyModel):
    """The domain that was called."""

    domain: Text = None


class LoginAttribute(DutyModel):
    """Whom a login was for."""

    user: Text = None


class Probe(DutyModel):
    """One port that was probed."""

    local_port_details: Annotated[PortDetails, Nested] = Field(default_factory=empty(PortDetails))
    local_ip_details: Annotated[Address, Nested] = Field(default_factory=empty(Address))
    remote_ip_details: Annotated[Address, Nested] = Field(default_factory=empty(Address))


class Did(DutyModel):
    """What happened, in the kinds of action that name ends."""

    remote_ip_details: Annotated[Address, Nested] = Field(default_factory=empty(Address))


class Connection(Did):
    """One connection."""

    connection_direction: Text = None
    protocol: Text = None
    local_ip_details: Annotated[Address, Nested] = Field(default_factory=empty(Address))
    local_port_details: Annotated[PortDetails, Nested] = Field(default_factory=empty(PortDetails))
    remote_port_details: Annotated[PortDetails, Nested] = Field(default_factory=empty(PortDetails))


class ApiCall(Did):
    """One call of AWS's own API."""

    api: Text = None
    service_name: Text = None
    domain_details: Annotated[Domain, Nested] = Field(default_factory=empty(Domain))


class KubernetesCall(Did):
    """One call of a cluster's API."""

    source_ips: Texts = Field((), validation_alias=AliasChoices("sourceIPs", "sourceIps"))


class PortProbe(DutyModel):
    """Ports that were probed."""

    port_probe_details: Annotated[list[Probe], Many] = Field(default_factory=list)


class Login(Did):
    """Logins to a database."""

    login_attributes: Annotated[list[LoginAttribute], Many] = Field(
        default_factory=list, validation_alias=AliasChoices("LoginAttributes", "loginAttributes")
    )


class Action(DutyModel):
    """The action of a GuardDuty finding; one of the kinds is there."""

    action_type: Text = None
    network_connection_action: Given[Connection] = None
    aws_api_call_action: Given[ApiCall] = None
    port_probe_action: Given[PortProbe] = None
    dns_request_action: Given[Domain] = None
    kubernetes_api_call_action: Given[KubernetesCall] = None
    rds_login_attempt_action: Given[Login] = None


# What ran


class Ancestor(DutyModel):
    """A process, as the lineage of another tells it."""

    uuid: Text = None
    parent_uuid: Text = None
    name: Text = None
    pid: Whole = None
    start_time: Moment = None
    executable_path: Text = None
    user_id: Whole = None


class RuntimeProcess(Ancestor):
    """A process that the agent saw; ``lineage`` are its ancestors."""

    executable_sha256: Text = None
    pwd: Text = None
    user: Text = None
    lineage: Annotated[list[Ancestor], Many] = Field(default_factory=list)


class RuntimeContext(DutyModel):
    """What kinds of finding at run time tell besides: files, and other processes."""

    modifying_process: Given[RuntimeProcess] = None
    target_process: Given[RuntimeProcess] = None
    script_path: Text = None
    library_path: Text = None
    socket_path: Text = None
    runc_binary_path: Text = None
    release_agent_path: Text = None
    module_file_path: Text = None
    module_sha256: Text = None
    shell_history_file_path: Text = None
    threat_file_path: Text = None
    file_path: Text = None
    related_file_paths: Texts = ()


class Runtime(DutyModel):
    """What the agent on the instance or in the cluster saw."""

    process: Given[RuntimeProcess] = None
    context: Given[RuntimeContext] = None


# What was recognised


class FoundFile(DutyModel):
    """A file with malware on a volume; ``hash`` is its SHA-256."""

    file_path: Text = None
    file_name: Text = None
    hash: Text = None


class FoundItem(DutyModel):
    """An item with malware, in an archive perhaps."""

    nested_item_path: Text = None
    hash: Text = None


class Threat(DutyModel):
    """Malware by its name, with where it was found."""

    name: Text = None
    file_paths: Annotated[list[FoundFile], Many] = Field(default_factory=list)
    item_paths: Annotated[list[FoundItem], Many] = Field(default_factory=list)


class ByName(DutyModel):
    """Threats of a scan by name."""

    threat_names: Annotated[list[Threat], Many] = Field(default_factory=list)


class ScanDetections(DutyModel):
    """Result of a scan."""

    threat_detected_by_name: Given[ByName] = None


class VolumeScan(DutyModel):
    """A scan of volumes."""

    scan_detections: Given[ScanDetections] = None


class MalwareScan(DutyModel):
    """A scan of objects or backups."""

    threats: Annotated[list[Threat], Many] = Field(default_factory=list)


class ListMatch(DutyModel):
    """A list of threats that something was found on."""

    threat_list_name: Text = None
    threat_names: Texts = ()
    threat_file_sha256: Text = None


class Evidence(DutyModel):
    """What the finding rests on."""

    threat_intelligence_details: Annotated[list[ListMatch], Many] = Field(default_factory=list)


# Several findings as one attack


class Actor(DutyModel):
    """Who took part."""

    name: Text = None
    uid: Text = None


class SequenceActor(DutyModel):
    """Who took part."""

    user: Given[Actor] = None


class Endpoint(DutyModel):
    """An address or name that took part."""

    ip: Text = None
    domain: Text = None


class SequenceResource(DutyModel):
    """A resource of the account that took part."""

    uid: Text = None
    name: Text = None
    resource_type: Text = None
    account_id: Text = None
    region: Text = None


class Indicator(DutyModel):
    """What speaks for it: techniques, addresses, calls, by ``key``."""

    key: Text = None
    values: Texts = ()


class Signal(DutyModel):
    """One of the findings or events of it."""

    uid: Text = None
    signal_indicators: Annotated[list[Indicator], Many] = Field(default_factory=list)


class Sequence(DutyModel):
    """An attack of several steps."""

    actors: Annotated[list[SequenceActor], Many] = Field(default_factory=list)
    endpoints: Annotated[list[Endpoint], Many] = Field(default_factory=list)
    resources: Annotated[list[SequenceResource], Many] = Field(default_factory=list)
    signals: Annotated[list[Signal], Many] = Field(default_factory=list)
    sequence_indicators: Annotated[list[Indicator], Many] = Field(default_factory=list)


class Detection(DutyModel):
    """How it was found."""

    sequence: Given[Sequence] = None


class Service(DutyModel):
    """What GuardDuty saw."""

    action: Annotated[Action, Nested] = Field(default_factory=empty(Action))
    archived: Flag = None
    count: Whole = None
    event_first_seen: Moment = None
    event_last_seen: Moment = None
    resource_role: Text = None
    runtime_details: Given[Runtime] = None
    evidence: Given[Evidence] = None
    ebs_volume_scan_details: Given[VolumeScan] = None
    malware_scan_details: Given[MalwareScan] = None
    detection: Given[Detection] = None


class DutyFinding(DutyModel):
    """A GuardDuty finding, of ``GetFindings``."""

    id: NativeId
    arn: Text = None
    account_id: Text = None
    region: Text = None
    title: Text = None
    description: Text = None
    type: Text = None
    custom_detection_rule_name: Text = None
    severity: Number = None
    created_at: Moment = None
    updated_at: Moment = None
    resource: Annotated[DutyResource, Nested] = Field(default_factory=empty(DutyResource))
    service: Annotated[Service, Nested] = Field(default_factory=empty(Service))
