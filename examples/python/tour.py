"""A typed set and get, how stale a read can be, details of an error, and a watch."""

import os
import sys
import uuid
from contextlib import closing
from datetime import timedelta
from typing import Any

import grpc
from google.rpc.error_details_pb2 import ErrorInfo
from grpc_status import rpc_status
from parameter.v1.freshness_pb2 import ReadConsistency
from parameter.v1.parameter_pb2 import Parameter, StringList, Value
from parameter.v1.parameter_service_pb2 import (
    GetParameterRequest,
    GetParameterResponse,
    SetParameterRequest,
)
from parameter.v1.parameter_service_pb2_grpc import ParameterServiceStub

from watch import CHANNEL_OPTIONS, watch

DEADLINE_S = 5


def put(service: ParameterServiceStub, key: str, value: Value) -> Parameter:
    # The request id makes it safe to send the same request again.
    request = SetParameterRequest(key=key, value=value, request_id=str(uuid.uuid4()))
    return service.SetParameter(request, timeout=DEADLINE_S).parameter


def get(
    service: ParameterServiceStub, key: str, at_least_revision: int
) -> GetParameterResponse:
    consistency = ReadConsistency(at_least_revision=at_least_revision)
    request = GetParameterRequest(key=key, consistency=consistency)
    return service.GetParameter(request, timeout=DEADLINE_S)


def native(value: Value) -> Any:
    """What Python has for the value's kind."""
    match value.WhichOneof("kind"):
        case None:
            raise ValueError("a value of a kind that this program does not know")
        case "duration_value":
            return value.duration_value.ToTimedelta()
        case "string_list_value":
            return list(value.string_list_value.values)
        case kind:
            return getattr(value, kind)


def show_values(service: ParameterServiceStub, prefix: str) -> None:
    written = put(service, f"{prefix}max_users", Value(int_value=100))
    max_users = get(service, written.key, written.revision)
    print("max_users =", native(max_users.parameter.value))

    duration = timedelta(seconds=1.5)
    written = put(service, f"{prefix}timeout", Value(duration_value=duration))
    timeout = get(service, written.key, written.revision)
    print("timeout =", native(timeout.parameter.value).total_seconds(), "s")

    texts = StringList(values=["a", "b"])
    written = put(service, f"{prefix}hosts", Value(string_list_value=texts))
    hosts = get(service, written.key, written.revision)
    print("hosts =", ", ".join(native(hosts.parameter.value)))

    bound = max_users.freshness.staleness_bound.ToTimedelta()
    print("staleness bound:", bound, file=sys.stderr)
    fresh = bound <= timedelta(milliseconds=500)
    print("fresh within 500 ms:", str(fresh).lower())


def show_error(service: ParameterServiceStub, prefix: str) -> None:
    key = f"{prefix}max_users"
    request = SetParameterRequest(
        key=key,
        value=Value(int_value=1),
        if_revision=0,
        request_id=str(uuid.uuid4()),
    )
    try:
        service.SetParameter(request, timeout=DEADLINE_S)
    except grpc.RpcError as error:
        stored = get(service, key, 0).parameter
        info = error_info(error)
        known = info.metadata["currentRevision"] == str(stored.revision)
        print(f"{error.code().name} {info.reason}: {str(known).lower()}")


def error_info(error: grpc.RpcError) -> ErrorInfo:
    """The reason, of error_reason.proto; empty if the transport failed."""
    info = ErrorInfo()
    status = rpc_status.from_call(error)
    for detail in status.details if status else []:
        if detail.Unpack(info):
            break
    return info


def show_watch(service: ParameterServiceStub, prefix: str) -> None:
    key = f"{prefix}max_users"
    with closing(watch(service, prefix)) as states:
        for state in states:
            max_users = native(state[key].value)
            print("watching: max_users =", max_users)
            if max_users == 120:
                break
            put(service, key, Value(int_value=120))


def main() -> None:
    target = os.environ.get("PARAMD_TARGET", "127.0.0.1:50051")
    prefix = sys.argv[1] if len(sys.argv) > 1 else "tour:"
    with grpc.insecure_channel(target, CHANNEL_OPTIONS) as channel:
        service = ParameterServiceStub(channel)
        show_values(service, prefix)
        show_error(service, prefix)
        show_watch(service, prefix)


if __name__ == "__main__":
    main()
