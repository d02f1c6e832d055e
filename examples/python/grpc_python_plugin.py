"""protoc-gen-grpc_python: the generator inside grpcio-tools as a plugin for buf."""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.compiler.plugin_pb2 import (
    CodeGeneratorRequest,
    CodeGeneratorResponse,
)
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from grpc_tools import protoc

request = CodeGeneratorRequest.FromString(sys.stdin.buffer.read())
with TemporaryDirectory() as folder:
    image = Path(folder, "image.binpb")
    image.write_bytes(FileDescriptorSet(file=request.proto_file).SerializeToString())
    out = Path(folder, "out")
    out.mkdir()
    protoc_args = [f"--descriptor_set_in={image}", f"--grpc_python_out={out}"]
    if protoc.main(["protoc", *protoc_args, *request.file_to_generate]) != 0:
        sys.exit("grpc_python_plugin: protoc failed, see above")
    files = [
        CodeGeneratorResponse.File(
            name=path.relative_to(out).as_posix(), content=path.read_text("utf-8")
        )
        for path in sorted(out.rglob("*.py"))
    ]
response = CodeGeneratorResponse(
    file=files,
    supported_features=CodeGeneratorResponse.FEATURE_PROTO3_OPTIONAL,
)
sys.stdout.buffer.write(response.SerializeToString())
