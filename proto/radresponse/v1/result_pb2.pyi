from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ResultFormat(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    RESULT_FORMAT_UNSPECIFIED: _ClassVar[ResultFormat]
    RESULT_FORMAT_FHIR_R4B: _ClassVar[ResultFormat]
    RESULT_FORMAT_FHIR_R5: _ClassVar[ResultFormat]
    RESULT_FORMAT_DICOM_SEG: _ClassVar[ResultFormat]
    RESULT_FORMAT_DICOM_SR: _ClassVar[ResultFormat]
RESULT_FORMAT_UNSPECIFIED: ResultFormat
RESULT_FORMAT_FHIR_R4B: ResultFormat
RESULT_FORMAT_FHIR_R5: ResultFormat
RESULT_FORMAT_DICOM_SEG: ResultFormat
RESULT_FORMAT_DICOM_SR: ResultFormat

class ResultDocument(_message.Message):
    __slots__ = ("format", "media_type", "content")
    FORMAT_FIELD_NUMBER: _ClassVar[int]
    MEDIA_TYPE_FIELD_NUMBER: _ClassVar[int]
    CONTENT_FIELD_NUMBER: _ClassVar[int]
    format: ResultFormat
    media_type: str
    content: bytes
    def __init__(self, format: _Optional[_Union[ResultFormat, str]] = ..., media_type: _Optional[str] = ..., content: _Optional[bytes] = ...) -> None: ...

class StoredResult(_message.Message):
    __slots__ = ("pacs", "sop_class_uid", "sop_instance_uid", "already_stored")
    PACS_FIELD_NUMBER: _ClassVar[int]
    SOP_CLASS_UID_FIELD_NUMBER: _ClassVar[int]
    SOP_INSTANCE_UID_FIELD_NUMBER: _ClassVar[int]
    ALREADY_STORED_FIELD_NUMBER: _ClassVar[int]
    pacs: str
    sop_class_uid: str
    sop_instance_uid: str
    already_stored: bool
    def __init__(self, pacs: _Optional[str] = ..., sop_class_uid: _Optional[str] = ..., sop_instance_uid: _Optional[str] = ..., already_stored: bool = ...) -> None: ...
