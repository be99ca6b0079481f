"""A message in protobuf's JSON form, as every one of our commands prints it."""

from google.protobuf.json_format import MessageToJson
from google.protobuf.message import Message


def as_json(message: Message) -> str:
    """With the contract's own field names; zeros are printed too, absent optional fields are not."""
    return MessageToJson(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
