import { connect } from 'node:http2';

/** Before the message: not compressed, and its length. */
const PREFIX_BYTES = 5;

/** In words, what a server says to a call that our own connection, which does not decode headers, saw fail. */
export function askAgain(target: string, path: string, request: Uint8Array): Promise<string> {
  return new Promise((resolve) => {
    const session = connect(`http://${target}`);
    const end = (words: string) => {
      session.destroy();
      resolve(words);
    };
    session.on('error', ({ message }) => end(message));
    const headers = { ':method': 'POST', ':path': path, 'content-type': 'application/grpc', te: 'trailers' };
    const stream = session.request({ ...headers, 'grpc-timeout': '5S' });
    let said: unknown;
    const hear = (told: Readonly<Record<string, unknown>>) => {
      const status = told['grpc-status'];
      if (status !== undefined) said = status === '0' ? 'answered' : `status ${status}, ${told['grpc-message'] ?? ''}`;
    };
    stream.on('response', hear);
    stream.on('trailers', hear);
    stream.on('error', ({ message }) => end(message));
    stream.on('close', () => end(decodeURIComponent(String(said ?? 'no status'))));
    stream.resume();
    const frame = Buffer.alloc(PREFIX_BYTES + request.length);
    frame.writeUInt32BE(request.length, 1);
    frame.set(request, PREFIX_BYTES);
    stream.end(frame);
  });
}
