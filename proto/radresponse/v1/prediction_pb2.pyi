from radresponse.v1 import board_pb2 as _board_pb2
from radresponse.v1 import case_pb2 as _case_pb2
from radresponse.v1 import model_pb2 as _model_pb2
from radresponse.v1 import result_pb2 as _result_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class OverlapVerdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    OVERLAP_VERDICT_UNSPECIFIED: _ClassVar[OverlapVerdict]
    OVERLAP_VERDICT_SUFFICIENT: _ClassVar[OverlapVerdict]
    OVERLAP_VERDICT_WEAK: _ClassVar[OverlapVerdict]
    OVERLAP_VERDICT_REFUSED: _ClassVar[OverlapVerdict]

class ApplicabilityStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    APPLICABILITY_STATUS_UNSPECIFIED: _ClassVar[ApplicabilityStatus]
    APPLICABILITY_STATUS_INSIDE: _ClassVar[ApplicabilityStatus]
    APPLICABILITY_STATUS_OUTSIDE: _ClassVar[ApplicabilityStatus]
OVERLAP_VERDICT_UNSPECIFIED: OverlapVerdict
OVERLAP_VERDICT_SUFFICIENT: OverlapVerdict
OVERLAP_VERDICT_WEAK: OverlapVerdict
OVERLAP_VERDICT_REFUSED: OverlapVerdict
APPLICABILITY_STATUS_UNSPECIFIED: ApplicabilityStatus
APPLICABILITY_STATUS_INSIDE: ApplicabilityStatus
APPLICABILITY_STATUS_OUTSIDE: ApplicabilityStatus

class PredictRequest(_message.Message):
    __slots__ = ("case", "models", "therapies", "result_formats", "board", "store_results")
    CASE_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    THERAPIES_FIELD_NUMBER: _ClassVar[int]
    RESULT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    STORE_RESULTS_FIELD_NUMBER: _ClassVar[int]
    case: _case_pb2.Case
    models: _containers.RepeatedScalarFieldContainer[str]
    therapies: _containers.RepeatedScalarFieldContainer[str]
    result_formats: _containers.RepeatedScalarFieldContainer[_result_pb2.ResultFormat]
    board: _board_pb2.BoardRequest
    store_results: bool
    def __init__(self, case: _Optional[_Union[_case_pb2.Case, _Mapping]] = ..., models: _Optional[_Iterable[str]] = ..., therapies: _Optional[_Iterable[str]] = ..., result_formats: _Optional[_Iterable[_Union[_result_pb2.ResultFormat, str]]] = ..., board: _Optional[_Union[_board_pb2.BoardRequest, _Mapping]] = ..., store_results: bool = ...) -> None: ...

class PredictResponse(_message.Message):
    __slots__ = ("predictions", "warnings", "provenance", "documents", "pictures", "similar_patients", "stored", "saliency")
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    SALIENCY_FIELD_NUMBER: _ClassVar[int]
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    provenance: Provenance
    documents: _containers.RepeatedCompositeFieldContainer[_result_pb2.ResultDocument]
    pictures: _containers.RepeatedCompositeFieldContainer[_board_pb2.LesionPicture]
    similar_patients: _containers.RepeatedCompositeFieldContainer[_board_pb2.SimilarPatients]
    stored: _containers.RepeatedCompositeFieldContainer[_result_pb2.StoredResult]
    saliency: _containers.RepeatedCompositeFieldContainer[_board_pb2.SaliencyMap]
    def __init__(self, predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., documents: _Optional[_Iterable[_Union[_result_pb2.ResultDocument, _Mapping]]] = ..., pictures: _Optional[_Iterable[_Union[_board_pb2.LesionPicture, _Mapping]]] = ..., similar_patients: _Optional[_Iterable[_Union[_board_pb2.SimilarPatients, _Mapping]]] = ..., stored: _Optional[_Iterable[_Union[_result_pb2.StoredResult, _Mapping]]] = ..., saliency: _Optional[_Iterable[_Union[_board_pb2.SaliencyMap, _Mapping]]] = ...) -> None: ...

class CompareTherapiesRequest(_message.Message):
    __slots__ = ("case", "therapies", "reference_therapy", "models", "result_formats", "board", "store_results")
    CASE_FIELD_NUMBER: _ClassVar[int]
    THERAPIES_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_THERAPY_FIELD_NUMBER: _ClassVar[int]
    MODELS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FORMATS_FIELD_NUMBER: _ClassVar[int]
    BOARD_FIELD_NUMBER: _ClassVar[int]
    STORE_RESULTS_FIELD_NUMBER: _ClassVar[int]
    case: _case_pb2.Case
    therapies: _containers.RepeatedScalarFieldContainer[str]
    reference_therapy: str
    models: _containers.RepeatedScalarFieldContainer[str]
    result_formats: _containers.RepeatedScalarFieldContainer[_result_pb2.ResultFormat]
    board: _board_pb2.BoardRequest
    store_results: bool
    def __init__(self, case: _Optional[_Union[_case_pb2.Case, _Mapping]] = ..., therapies: _Optional[_Iterable[str]] = ..., reference_therapy: _Optional[str] = ..., models: _Optional[_Iterable[str]] = ..., result_formats: _Optional[_Iterable[_Union[_result_pb2.ResultFormat, str]]] = ..., board: _Optional[_Union[_board_pb2.BoardRequest, _Mapping]] = ..., store_results: bool = ...) -> None: ...

class CompareTherapiesResponse(_message.Message):
    __slots__ = ("options", "reference_therapy", "warnings", "provenance", "documents", "pictures", "similar_patients", "stored", "saliency")
    OPTIONS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_THERAPY_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    DOCUMENTS_FIELD_NUMBER: _ClassVar[int]
    PICTURES_FIELD_NUMBER: _ClassVar[int]
    SIMILAR_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    STORED_FIELD_NUMBER: _ClassVar[int]
    SALIENCY_FIELD_NUMBER: _ClassVar[int]
    options: _containers.RepeatedCompositeFieldContainer[TherapyOption]
    reference_therapy: str
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    provenance: Provenance
    documents: _containers.RepeatedCompositeFieldContainer[_result_pb2.ResultDocument]
    pictures: _containers.RepeatedCompositeFieldContainer[_board_pb2.LesionPicture]
    similar_patients: _containers.RepeatedCompositeFieldContainer[_board_pb2.SimilarPatients]
    stored: _containers.RepeatedCompositeFieldContainer[_result_pb2.StoredResult]
    saliency: _containers.RepeatedCompositeFieldContainer[_board_pb2.SaliencyMap]
    def __init__(self, options: _Optional[_Iterable[_Union[TherapyOption, _Mapping]]] = ..., reference_therapy: _Optional[str] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ..., documents: _Optional[_Iterable[_Union[_result_pb2.ResultDocument, _Mapping]]] = ..., pictures: _Optional[_Iterable[_Union[_board_pb2.LesionPicture, _Mapping]]] = ..., similar_patients: _Optional[_Iterable[_Union[_board_pb2.SimilarPatients, _Mapping]]] = ..., stored: _Optional[_Iterable[_Union[_result_pb2.StoredResult, _Mapping]]] = ..., saliency: _Optional[_Iterable[_Union[_board_pb2.SaliencyMap, _Mapping]]] = ...) -> None: ...

class TherapyOption(_message.Message):
    __slots__ = ("therapy", "predictions", "differences")
    THERAPY_FIELD_NUMBER: _ClassVar[int]
    PREDICTIONS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCES_FIELD_NUMBER: _ClassVar[int]
    therapy: str
    predictions: _containers.RepeatedCompositeFieldContainer[Prediction]
    differences: _containers.RepeatedCompositeFieldContainer[Difference]
    def __init__(self, therapy: _Optional[str] = ..., predictions: _Optional[_Iterable[_Union[Prediction, _Mapping]]] = ..., differences: _Optional[_Iterable[_Union[Difference, _Mapping]]] = ...) -> None: ...

class Prediction(_message.Message):
    __slots__ = ("therapy", "model", "outcome", "progression", "risk", "contributions", "applicability", "warnings", "contribution_groups")
    THERAPY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    PROGRESSION_FIELD_NUMBER: _ClassVar[int]
    RISK_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTIONS_FIELD_NUMBER: _ClassVar[int]
    APPLICABILITY_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_GROUPS_FIELD_NUMBER: _ClassVar[int]
    therapy: str
    model: _model_pb2.ModelReference
    outcome: Outcome
    progression: Progression
    risk: Risk
    contributions: _containers.RepeatedCompositeFieldContainer[Contribution]
    applicability: Applicability
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    contribution_groups: _containers.RepeatedCompositeFieldContainer[ContributionGroup]
    def __init__(self, therapy: _Optional[str] = ..., model: _Optional[_Union[_model_pb2.ModelReference, _Mapping]] = ..., outcome: _Optional[_Union[Outcome, _Mapping]] = ..., progression: _Optional[_Union[Progression, _Mapping]] = ..., risk: _Optional[_Union[Risk, _Mapping]] = ..., contributions: _Optional[_Iterable[_Union[Contribution, _Mapping]]] = ..., applicability: _Optional[_Union[Applicability, _Mapping]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., contribution_groups: _Optional[_Iterable[_Union[ContributionGroup, _Mapping]]] = ...) -> None: ...

class Outcome(_message.Message):
    __slots__ = ("probability", "probability_interval", "endpoint", "outcome_set")
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    OUTCOME_SET_FIELD_NUMBER: _ClassVar[int]
    probability: float
    probability_interval: Interval
    endpoint: str
    outcome_set: OutcomeSet
    def __init__(self, probability: _Optional[float] = ..., probability_interval: _Optional[_Union[Interval, _Mapping]] = ..., endpoint: _Optional[str] = ..., outcome_set: _Optional[_Union[OutcomeSet, _Mapping]] = ...) -> None: ...

class OutcomeSet(_message.Message):
    __slots__ = ("response", "no_response", "level", "patients")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    NO_RESPONSE_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    response: bool
    no_response: bool
    level: float
    patients: int
    def __init__(self, response: bool = ..., no_response: bool = ..., level: _Optional[float] = ..., patients: _Optional[int] = ...) -> None: ...

class Progression(_message.Message):
    __slots__ = ("survival", "median_days", "median_days_interval", "restricted_mean_days", "restricted_mean_days_interval", "horizon_days", "endpoint", "lower_bound")
    SURVIVAL_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DAYS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_MEAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_MEAN_DAYS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    LOWER_BOUND_FIELD_NUMBER: _ClassVar[int]
    survival: _containers.RepeatedCompositeFieldContainer[SurvivalPoint]
    median_days: float
    median_days_interval: Interval
    restricted_mean_days: float
    restricted_mean_days_interval: Interval
    horizon_days: float
    endpoint: str
    lower_bound: LowerBound
    def __init__(self, survival: _Optional[_Iterable[_Union[SurvivalPoint, _Mapping]]] = ..., median_days: _Optional[float] = ..., median_days_interval: _Optional[_Union[Interval, _Mapping]] = ..., restricted_mean_days: _Optional[float] = ..., restricted_mean_days_interval: _Optional[_Union[Interval, _Mapping]] = ..., horizon_days: _Optional[float] = ..., endpoint: _Optional[str] = ..., lower_bound: _Optional[_Union[LowerBound, _Mapping]] = ...) -> None: ...

class LowerBound(_message.Message):
    __slots__ = ("days", "level", "patients")
    DAYS_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    PATIENTS_FIELD_NUMBER: _ClassVar[int]
    days: float
    level: float
    patients: int
    def __init__(self, days: _Optional[float] = ..., level: _Optional[float] = ..., patients: _Optional[int] = ...) -> None: ...

class Risk(_message.Message):
    __slots__ = ("log_hazard_ratio", "endpoint")
    LOG_HAZARD_RATIO_FIELD_NUMBER: _ClassVar[int]
    ENDPOINT_FIELD_NUMBER: _ClassVar[int]
    log_hazard_ratio: float
    endpoint: str
    def __init__(self, log_hazard_ratio: _Optional[float] = ..., endpoint: _Optional[str] = ...) -> None: ...

class SurvivalPoint(_message.Message):
    __slots__ = ("time_days", "survival", "lower", "upper", "at_risk")
    TIME_DAYS_FIELD_NUMBER: _ClassVar[int]
    SURVIVAL_FIELD_NUMBER: _ClassVar[int]
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    AT_RISK_FIELD_NUMBER: _ClassVar[int]
    time_days: int
    survival: float
    lower: float
    upper: float
    at_risk: int
    def __init__(self, time_days: _Optional[int] = ..., survival: _Optional[float] = ..., lower: _Optional[float] = ..., upper: _Optional[float] = ..., at_risk: _Optional[int] = ...) -> None: ...

class Interval(_message.Message):
    __slots__ = ("lower", "upper", "level")
    LOWER_FIELD_NUMBER: _ClassVar[int]
    UPPER_FIELD_NUMBER: _ClassVar[int]
    LEVEL_FIELD_NUMBER: _ClassVar[int]
    lower: float
    upper: float
    level: float
    def __init__(self, lower: _Optional[float] = ..., upper: _Optional[float] = ..., level: _Optional[float] = ...) -> None: ...

class Difference(_message.Message):
    __slots__ = ("reference_therapy", "model", "probability", "probability_interval", "restricted_mean_days", "restricted_mean_days_interval", "median_days", "evidence", "log_hazard_ratio", "population")
    REFERENCE_THERAPY_FIELD_NUMBER: _ClassVar[int]
    MODEL_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_FIELD_NUMBER: _ClassVar[int]
    PROBABILITY_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_MEAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    RESTRICTED_MEAN_DAYS_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    MEDIAN_DAYS_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    LOG_HAZARD_RATIO_FIELD_NUMBER: _ClassVar[int]
    POPULATION_FIELD_NUMBER: _ClassVar[int]
    reference_therapy: str
    model: _model_pb2.ModelReference
    probability: float
    probability_interval: Interval
    restricted_mean_days: float
    restricted_mean_days_interval: Interval
    median_days: float
    evidence: str
    log_hazard_ratio: float
    population: PopulationEvidence
    def __init__(self, reference_therapy: _Optional[str] = ..., model: _Optional[_Union[_model_pb2.ModelReference, _Mapping]] = ..., probability: _Optional[float] = ..., probability_interval: _Optional[_Union[Interval, _Mapping]] = ..., restricted_mean_days: _Optional[float] = ..., restricted_mean_days_interval: _Optional[_Union[Interval, _Mapping]] = ..., median_days: _Optional[float] = ..., evidence: _Optional[str] = ..., log_hazard_ratio: _Optional[float] = ..., population: _Optional[_Union[PopulationEvidence, _Mapping]] = ...) -> None: ...

class PopulationEvidence(_message.Message):
    __slots__ = ("overlap", "reasons", "difference", "difference_interval", "horizon_days", "e_value", "e_value_of_limit", "evidence", "option_patients", "reference_patients", "option_effective", "reference_effective")
    OVERLAP_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_FIELD_NUMBER: _ClassVar[int]
    DIFFERENCE_INTERVAL_FIELD_NUMBER: _ClassVar[int]
    HORIZON_DAYS_FIELD_NUMBER: _ClassVar[int]
    E_VALUE_FIELD_NUMBER: _ClassVar[int]
    E_VALUE_OF_LIMIT_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    OPTION_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_PATIENTS_FIELD_NUMBER: _ClassVar[int]
    OPTION_EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    REFERENCE_EFFECTIVE_FIELD_NUMBER: _ClassVar[int]
    overlap: OverlapVerdict
    reasons: _containers.RepeatedCompositeFieldContainer[Warning]
    difference: float
    difference_interval: Interval
    horizon_days: float
    e_value: float
    e_value_of_limit: float
    evidence: str
    option_patients: int
    reference_patients: int
    option_effective: float
    reference_effective: float
    def __init__(self, overlap: _Optional[_Union[OverlapVerdict, str]] = ..., reasons: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., difference: _Optional[float] = ..., difference_interval: _Optional[_Union[Interval, _Mapping]] = ..., horizon_days: _Optional[float] = ..., e_value: _Optional[float] = ..., e_value_of_limit: _Optional[float] = ..., evidence: _Optional[str] = ..., option_patients: _Optional[int] = ..., reference_patients: _Optional[int] = ..., option_effective: _Optional[float] = ..., reference_effective: _Optional[float] = ...) -> None: ...

class Contribution(_message.Message):
    __slots__ = ("feature", "value", "category", "unit", "contribution", "scale", "percentile")
    FEATURE_FIELD_NUMBER: _ClassVar[int]
    VALUE_FIELD_NUMBER: _ClassVar[int]
    CATEGORY_FIELD_NUMBER: _ClassVar[int]
    UNIT_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    SCALE_FIELD_NUMBER: _ClassVar[int]
    PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    feature: str
    value: float
    category: str
    unit: str
    contribution: float
    scale: str
    percentile: float
    def __init__(self, feature: _Optional[str] = ..., value: _Optional[float] = ..., category: _Optional[str] = ..., unit: _Optional[str] = ..., contribution: _Optional[float] = ..., scale: _Optional[str] = ..., percentile: _Optional[float] = ...) -> None: ...

class ContributionGroup(_message.Message):
    __slots__ = ("group", "contribution")
    GROUP_FIELD_NUMBER: _ClassVar[int]
    CONTRIBUTION_FIELD_NUMBER: _ClassVar[int]
    group: str
    contribution: float
    def __init__(self, group: _Optional[str] = ..., contribution: _Optional[float] = ...) -> None: ...

class Applicability(_message.Message):
    __slots__ = ("status", "distance_percentile", "outside_range", "imputed", "embedding_percentile", "feature_percentile")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    DISTANCE_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    OUTSIDE_RANGE_FIELD_NUMBER: _ClassVar[int]
    IMPUTED_FIELD_NUMBER: _ClassVar[int]
    EMBEDDING_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    FEATURE_PERCENTILE_FIELD_NUMBER: _ClassVar[int]
    status: ApplicabilityStatus
    distance_percentile: float
    outside_range: _containers.RepeatedScalarFieldContainer[str]
    imputed: _containers.RepeatedScalarFieldContainer[str]
    embedding_percentile: float
    feature_percentile: float
    def __init__(self, status: _Optional[_Union[ApplicabilityStatus, str]] = ..., distance_percentile: _Optional[float] = ..., outside_range: _Optional[_Iterable[str]] = ..., imputed: _Optional[_Iterable[str]] = ..., embedding_percentile: _Optional[float] = ..., feature_percentile: _Optional[float] = ...) -> None: ...

class Warning(_message.Message):
    __slots__ = ("reason", "message")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ...) -> None: ...

class Provenance(_message.Message):
    __slots__ = ("models", "profile_digests", "scans", "given_features", "input_digest", "software_version", "radiomics_engine", "encoder_digest", "prediction_id", "encoder_digests")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SCANS_FIELD_NUMBER: _ClassVar[int]
    GIVEN_FEATURES_FIELD_NUMBER: _ClassVar[int]
    INPUT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SOFTWARE_VERSION_FIELD_NUMBER: _ClassVar[int]
    RADIOMICS_ENGINE_FIELD_NUMBER: _ClassVar[int]
    ENCODER_DIGEST_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    ENCODER_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.ModelReference]
    profile_digests: _containers.RepeatedScalarFieldContainer[str]
    scans: _containers.RepeatedCompositeFieldContainer[ScanDigest]
    given_features: _containers.RepeatedScalarFieldContainer[str]
    input_digest: str
    software_version: str
    radiomics_engine: str
    encoder_digest: str
    prediction_id: str
    encoder_digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, models: _Optional[_Iterable[_Union[_model_pb2.ModelReference, _Mapping]]] = ..., profile_digests: _Optional[_Iterable[str]] = ..., scans: _Optional[_Iterable[_Union[ScanDigest, _Mapping]]] = ..., given_features: _Optional[_Iterable[str]] = ..., input_digest: _Optional[str] = ..., software_version: _Optional[str] = ..., radiomics_engine: _Optional[str] = ..., encoder_digest: _Optional[str] = ..., prediction_id: _Optional[str] = ..., encoder_digests: _Optional[_Iterable[str]] = ...) -> None: ...

class ScanDigest(_message.Message):
    __slots__ = ("image_digest", "segmentation_digest")
    IMAGE_DIGEST_FIELD_NUMBER: _ClassVar[int]
    SEGMENTATION_DIGEST_FIELD_NUMBER: _ClassVar[int]
    image_digest: str
    segmentation_digest: str
    def __init__(self, image_digest: _Optional[str] = ..., segmentation_digest: _Optional[str] = ...) -> None: ...

class ExtractFeaturesRequest(_message.Message):
    __slots__ = ("case", "columns", "profile", "encoder_digests")
    CASE_FIELD_NUMBER: _ClassVar[int]
    COLUMNS_FIELD_NUMBER: _ClassVar[int]
    PROFILE_FIELD_NUMBER: _ClassVar[int]
    ENCODER_DIGESTS_FIELD_NUMBER: _ClassVar[int]
    case: _case_pb2.Case
    columns: _containers.RepeatedScalarFieldContainer[str]
    profile: str
    encoder_digests: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, case: _Optional[_Union[_case_pb2.Case, _Mapping]] = ..., columns: _Optional[_Iterable[str]] = ..., profile: _Optional[str] = ..., encoder_digests: _Optional[_Iterable[str]] = ...) -> None: ...

class ExtractFeaturesResponse(_message.Message):
    __slots__ = ("features", "missing", "warnings", "provenance")
    class FeaturesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: float
        def __init__(self, key: _Optional[str] = ..., value: _Optional[float] = ...) -> None: ...
    class MissingEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    FEATURES_FIELD_NUMBER: _ClassVar[int]
    MISSING_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    PROVENANCE_FIELD_NUMBER: _ClassVar[int]
    features: _containers.ScalarMap[str, float]
    missing: _containers.ScalarMap[str, str]
    warnings: _containers.RepeatedCompositeFieldContainer[Warning]
    provenance: Provenance
    def __init__(self, features: _Optional[_Mapping[str, float]] = ..., missing: _Optional[_Mapping[str, str]] = ..., warnings: _Optional[_Iterable[_Union[Warning, _Mapping]]] = ..., provenance: _Optional[_Union[Provenance, _Mapping]] = ...) -> None: ...
