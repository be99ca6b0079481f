"""A bare grpc.aio server that gives the same bytes to every call: the floor under any Python service.

`python -m tests.benchmarks.echo SIZE_BYTES` prints its port and serves until it is ended.
"""

import asyncio
import sys

import grpc

METHOD = "/echo.Echo/Call"


async def serve(size_bytes: int) -> None:
    """Answers every call with so many bytes."""
    answer = bytes(size_bytes)

    async def call(_request: bytes, _context: grpc.aio.ServicerContext[bytes, bytes]) -> bytes:
        return answer

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_unary_rpc_method_handler(call)
    server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("echo.Echo", {"Call": handler})])
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await server.wait_for_termination()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
