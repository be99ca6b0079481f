from radresponse.v1 import model_pb2 as _model_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Iterable as _Iterable, Mapping as _Mapping, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ReportOutcomeRequest(_message.Message):
    __slots__ = ("subject", "prediction_id", "therapy", "day", "responded", "progressed")
    SUBJECT_FIELD_NUMBER: _ClassVar[int]
    PREDICTION_ID_FIELD_NUMBER: _ClassVar[int]
    THERAPY_FIELD_NUMBER: _ClassVar[int]
    DAY_FIELD_NUMBER: _ClassVar[int]
    RESPONDED_FIELD_NUMBER: _ClassVar[int]
    PROGRESSED_FIELD_NUMBER: _ClassVar[int]
    subject: str
    prediction_id: str
    therapy: str
    day: int
    responded: bool
    progressed: bool
    def __init__(self, subject: _Optional[str] = ..., prediction_id: _Optional[str] = ..., therapy: _Optional[str] = ..., day: _Optional[int] = ..., responded: bool = ..., progressed: bool = ...) -> None: ...

class ReportOutcomeResponse(_message.Message):
    __slots__ = ("models", "replaced")
    MODELS_FIELD_NUMBER: _ClassVar[int]
    REPLACED_FIELD_NUMBER: _ClassVar[int]
    models: _containers.RepeatedCompositeFieldContainer[_model_pb2.ModelReference]
    replaced: bool
    def __init__(self, models: _Optional[_Iterable[_Union[_model_pb2.ModelReference, _Mapping]]] = ..., replaced: bool = ...) -> None: ...
