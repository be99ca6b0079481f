from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Task(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    TASK_UNSPECIFIED: _ClassVar[Task]
    TASK_OUTCOME: _ClassVar[Task]
    TASK_PROGRESSION: _ClassVar[Task]
TASK_UNSPECIFIED: Task
TASK_OUTCOME: Task
TASK_PROGRESSION: Task

class ListServingPeriodsRequest(_message.Message):
    __slots__ = ("name", "page_size", "page_token")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    name: str
    page_size: int
    page_token: str
    def __init__(self, name: _Optional[str] = ..., page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListServingPeriodsResponse(_message.Message):
    __slots__ = ("periods", "next_page_token")
    PERIODS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    periods: _containers.RepeatedCompositeFieldContainer[ServingPeriod]
    next_page_token: str
    def __init__(self, periods: _Optional[_Iterable[_Union[ServingPeriod, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class ServingPeriod(_message.Message):
    __slots__ = ("model", "alias", "service", "since", "until", "admission")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    ALIAS_FIELD_NUMBER: _ClassVar[int]
    SERVICE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    ADMISSION_FIELD_NUMBER: _ClassVar[int]
    model: ModelReference
    alias: str
    service: str
    since: _timestamp_pb2.Timestamp
    until: _timestamp_pb2.Timestamp
    admission: Admission
    def __init__(self, model: _Optional[_Union[ModelReference, _Mapping]] = ..., alias: _Optional[str] = ..., service: _Optional[str] = ..., since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., until: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., admission: _Optional[_Union[Admission, _Mapping]] = ...) -> None: ...

class Admission(_message.Message):
    __slots__ = ("by", "time", "policy", "signature", "evidence")
    BY_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    SIGNATURE_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    by: str
    time: _timestamp_pb2.Timestamp
    policy: str
    signature: str
    evidence: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, by: _Optional[str] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., policy: _Optional[str] = ..., signature: _Optional[str] = ..., evidence: _Optional[_Iterable[str]] = ...) -> None: ...

class ListModelsRequest(_message.Message):
    __slots__ = ("page_size", "page_token")
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    page_size: int
    page_token: str
    def __init__(self, page_size: _Optional[int] = ..., page_token: _Optional[str] = ...) -> None: ...

class ListModelsResponse(_message.Message):
    __slots__ = ("models", "next_page_token")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    NEXT_PAGE_TOKEN_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    next_page_token: str
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., next_page_token: _Optional[str] = ...) -> None: ...

class WatchModelsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WatchModelsResponse(_message.Message):
    __slots__ = ("models", "gone", "time")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    GONE_FIELD_NUMBER: _ClassVar[int]
    TIME_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[Model]
    gone: _containers.RepeatedScalarFieldContainer[str]
    time: _timestamp_pb2.Timestamp
    def __init__(self, models: _Optional[_Iterable[_Union[Model, _Mapping]]] = ..., gone: _Optional[_Iterable[str]] = ..., time: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class GetModelRequest(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class GetModelResponse(_message.Message):
    __slots__ = ("model", "card", "monitoring")
    MODEL_FIELD_NUMBER: _ClassVar[int]
    CARD_FIELD_NUMBER: _ClassVar[int]
    MONITORING_FIELD_NUMBER: _ClassVar[int]
    model: Model
    card: str
    monitoring: Monitoring
    def __init__(self, model: _Optional[_Union[Model, _Mapping]] = ..., card: _Optional[str] = ..., monitoring: _Optional[_Union[Monitoring, _Mapping]] = ...) -> None: ...

class Monitoring(_message.Message):
    __slots__ = ("referenced", "cases", "inputs", "predictions", "outcomes", "events", "expected_events", "metrics")
    REFERENCED_FIELD_NUMBER: _ClassVar[int]
    CASES_FIELD_NUMBER: _ClassVar[int]
    INPUTS_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    OUTCOMES_FIELD_NUMBER: _ClassVar[int]
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    EXPECTED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    referenced: bool
    cases: int
    inputs: _containers.RepeatedCompositeFieldContainer[Drift]
    predictions: _containers.RepeatedCompositeFieldContainer[Drift]
    outcomes: int
    events: int
    expected_events: float
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    def __init__(self, referenced: bool = ..., cases: _Optional[int] = ..., inputs: _Optional[_Iterable[_Union[Drift, _Mapping]]] = ..., predictions: _Optional[_Iterable[_Union[Drift, _Mapping]]] = ..., outcomes: _Optional[int] = ..., events: _Optional[int] = ..., expected_events: _Optional[float] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ...) -> None: ...

class Drift(_message.Message):
    __slots__ = ("name", "psi", "psi_by_chance", "ks", "ks_by_chance", "missing", "missing_in_training", "drifted")
    NAME_FIELD_NUMBER: _ClassVar[int]
    PSI_FIELD_NUMBER: _ClassVar[int]
    PSI_BY_CHANCE_FIELD_NUMBER: _ClassVar[int]
    KS_FIELD_NUMBER: _ClassVar[int]
    KS_BY_CHANCE_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    MISSING_IN_TRAINING_FIELD_NUMBER: _ClassVar[int]
    DRIFTED_FIELD_NUMBER: _ClassVar[int]
    name: str
    psi: float
    psi_by_chance: float
    ks: float
    ks_by_chance: float
    missing: float
    missing_in_training: float
    drifted: bool
    def __init__(self, name: _Optional[str] = ..., psi: _Optional[float] = ..., psi_by_chance: _Optional[float] = ..., ks: _Optional[float] = ..., ks_by_chance: _Optional[float] = ..., missing: _Optional[float] = ..., missing_in_training: _Optional[float] = ..., drifted: bool = ...) -> None: ...

class ModelReference(_message.Message):
    __slots__ = ("name", "version", "digest")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: str
    digest: str
    def __init__(self, name: _Optional[str] = ..., version: _Optional[str] = ..., digest: _Optional[str] = ...) -> None: ...

class Model(_message.Message):
    __slots__ = ("reference", "task", "family", "endpoint", "therapies", "columns", "metrics", "training_patients", "simulated", "evidence", "profile_digest", "serving_since", "trouble", "challenger")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    TASK_FIELD_NUMBER: _ClassVar[int]
    FAMILY_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    THERAPIES_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    METRICS_FIELD_NUMBER: _ClassVar[int]
    TRAINING_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    SIMULATED_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    PROFILE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SERVING_SINCE_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    CHALLENGER_FIELD_NUMBER: _ClassVar[int]
    reference: ModelReference
    task: Task
    family: str
    endpoint: str
    therapies: _containers.RepeatedScalarFieldContainer[str]
    columns: _containers.RepeatedCompositeFieldContainer[Column]
    metrics: _containers.RepeatedCompositeFieldContainer[Metric]
    training_patients: int
    simulated: bool
    evidence: str
    profile_digest: str
    serving_since: _timestamp_pb2.Timestamp
    trouble: str
    challenger: Challenger
    def __init__(self, reference: _Optional[_Union[ModelReference, _Mapping]] = ..., task: _Optional[_Union[Task, str]] = ..., family: _Optional[str] = ..., endpoint: _Optional[str] = ..., therapies: _Optional[_Iterable[str]] = ..., columns: _Optional[_Iterable[_Union[Column, _Mapping]]] = ..., metrics: _Optional[_Iterable[_Union[Metric, _Mapping]]] = ..., training_patients: _Optional[int] = ..., simulated: bool = ..., evidence: _Optional[str] = ..., profile_digest: _Optional[str] = ..., serving_since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., trouble: _Optional[str] = ..., challenger: _Optional[_Union[Challenger, _Mapping]] = ...) -> None: ...

class Challenger(_message.Message):
    __slots__ = ("reference", "since", "trouble", "canary_share", "shadow_share")
    REFERENCE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    TROUBLE_FIELD_NUMBER: _ClassVar[int]
    CANARY_SHARE_FIELD_NUMBER: _ClassVar[int]
    SHADOW_SHARE_FIELD_NUMBER: _ClassVar[int]
    reference: ModelReference
    since: _timestamp_pb2.Timestamp
    trouble: str
    canary_share: float
    shadow_share: float
    def __init__(self, reference: _Optional[_Union[ModelReference, _Mapping]] = ..., since: _Optional[_Union[_timestamp_pb2.Timestamp, _Mapping]] = ..., trouble: _Optional[str] = ..., canary_share: _Optional[float] = ..., shadow_share: _Optional[float] = ...) -> None: ...

class Column(_message.Message):
    __slots__ = ("name", "unit", "categories", "lower", "upper", "required")
    NAME_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CATEGORIES_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    REQUIRED_FIELD_NUMBER: _ClassVar[int]
    name: str
    unit: str
    categories: _containers.RepeatedScalarFieldContainer[str]
    lower: float
    upper: float
    required: bool
    def __init__(self, name: _Optional[str] = ..., unit: _Optional[str] = ..., categories: _Optional[_Iterable[str]] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., required: bool = ...) -> None: ...

class Metric(_message.Message):
    __slots__ = ("name", "of", "value", "lower", "upper", "protocol")
    NAME_FIELD_NUMBER: _ClassVar[int]
    OF_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    name: str
    of: str
    value: float
    lower: float
    upper: float
    protocol: str
    def __init__(self, name: _Optional[str] = ..., of: _Optional[str] = ..., value: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., protocol: _Optional[str] = ...) -> None: ...
