"""Runs the calls on standard input, a JSON line each, and prints what came of them."""

import base64
import json
import os
import sys
from typing import Any

import grpc
from google.protobuf.json_format import MessageToDict, ParseDict, ParseError
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2  # noqa: F401 for MessageToDict of the details
from grpc_status import rpc_status
from parameter.v1.parameter_service_pb2 import DESCRIPTOR
from parameter.v1.parameter_service_pb2_grpc import ParameterServiceStub

Json = dict[str, Any]

METHODS = DESCRIPTOR.services_by_name["ParameterService"].methods_by_name


def run(service: ParameterServiceStub, step: Json) -> Json:
    try:
        request = request_of(step)
    except (ParseError, DecodeError, ValueError, TypeError) as error:
        return {"refused": str(error)}
    call = getattr(service, step["method"])
    timeout = step.get("timeoutMs", 10_000) / 1000
    try:
        if step["method"] == "Watch":
            responses = call(request, timeout=timeout)
            return {"responses": taken(responses, request, step["takeEvents"])}
        return {"response": MessageToDict(call(request, timeout=timeout))}
    except grpc.RpcError as error:
        return {"error": error_of(error)}


def request_of(step: Json) -> Message:
    message = GetMessageClass(METHODS[step["method"]].input_type)
    if "requestBase64" in step:
        return message.FromString(base64.b64decode(step["requestBase64"]))
    return ParseDict(step["request"], message())


def taken(responses: Any, request: Any, events_wanted: int) -> list[Json]:
    """What a watch sends up to that many events, and to the end of its snapshot."""
    received: list[Json] = []
    events = 0
    whole = not request.send_initial
    for response in responses:
        received.append(MessageToDict(response))
        events += len(response.events)
        whole = whole or response.kind == response.KIND_INITIAL_COMPLETE
        if events >= events_wanted and whole:
            responses.cancel()
            break
    return received


def error_of(error: grpc.RpcError) -> Json:
    status = rpc_status.from_call(error)
    return {
        "code": error.code().name,
        "message": error.details(),
        "details": [MessageToDict(detail) for detail in status.details]
        if status
        else [],
    }


def main() -> None:
    target = os.environ.get("PARAMD_TARGET", "127.0.0.1:50051")
    with grpc.insecure_channel(target) as channel:
        service = ParameterServiceStub(channel)
        for line in sys.stdin.buffer:
            print(json.dumps(run(service, json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
