import { connect, type Socket } from 'node:net';
import { status as Code } from '@grpc/grpc-js';
import { BadRequest, ErrorInfo } from '../../gen/google/rpc/error_details.ts';
import { Status } from '../../gen/google/rpc/status.ts';
import { ERROR_NAMES, FLAG, FRAME_BYTES_MAX, frame, PREFACE, SETTING, settings, TYPE } from './frames.ts';
import { decodeHeaders } from './hpack.ts';

/** What has come on one stream. */
interface Answer {
  readonly headers: Map<string, string>;
  /** Bytes of DATA. */
  received: number;
  ended: boolean;
  /** Code of RST_STREAM. */
  reset: number | undefined;
}

const WAIT_MS = 40_000;
const NO_ERROR = 0;
/** As HTTP/2 begins. */
const WINDOW_BYTES = 65_535;

/** A TCP connection on which a client says whatever it likes, and reads the answers as frames. */
export class RawConnection {
  readonly #socket: Socket;
  readonly #answers = new Map<number, Answer>();
  /** Bytes that may be sent, by stream; 0: on all together. */
  readonly #windows = new Map<number, number>();
  #unread: Buffer = Buffer.alloc(0);
  #goaway: number | undefined;
  #isClosed = false;
  #waiting = new Set<() => void>();
  /** Answers settings and pings, as it has to. */
  polite = true;
  /** Streams of innocent calls on this connection. */
  #nextProbe = 0x10000001;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk) => this.#take(chunk));
    socket.on('error', () => {});
    socket.on('close', () => {
      this.#isClosed = true;
      this.#tell();
    });
  }

  static open(port: number): Promise<RawConnection> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1', noDelay: true });
      const connection = new RawConnection(socket);
      socket.once('connect', () => resolve(connection));
      socket.once('error', reject);
    });
  }

  /** The preface and settings, as a client begins. */
  greet(more: readonly (readonly [id: number, value: number])[] = []): Promise<void> {
    return this.send(PREFACE, settings([[SETTING.HEADER_TABLE_SIZE, 0], ...more]));
  }

  /** Resolves when the kernel has it, or nobody wants it any more. */
  send(...parts: readonly Buffer[]): Promise<void> {
    return new Promise((resolve) => {
      if (this.#isClosed || this.#socket.destroyed) return resolve();
      this.#waiting.add(resolve);
      this.#socket.write(Buffer.concat(parts), () => {
        this.#waiting.delete(resolve);
        resolve();
      });
    });
  }

  /** DATA as fast as the other side lets it come; what is left when it ends the stream is not sent. */
  async sendData(stream: number, bytes: Buffer, flags: number = FLAG.NONE): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      if (this.isOver(stream) || this.#isClosed) return;
      if (this.#room(stream) <= 0) {
        await this.#until(() => (this.#room(stream) > 0 || this.isOver(stream) || this.#isClosed ? 'now' : undefined));
        continue;
      }
      const part = bytes.subarray(at, at + Math.min(this.#room(stream), FRAME_BYTES_MAX));
      at += part.length;
      this.#windows.set(0, (this.#windows.get(0) ?? WINDOW_BYTES) - part.length);
      this.#windows.set(stream, (this.#windows.get(stream) ?? WINDOW_BYTES) - part.length);
      await this.send(frame(TYPE.DATA, at === bytes.length ? flags : FLAG.NONE, stream, part));
    }
  }

  /** That the other side takes on this stream now. */
  #room(stream: number): number {
    return Math.min(this.#windows.get(0) ?? WINDOW_BYTES, this.#windows.get(stream) ?? WINDOW_BYTES);
  }

  /** The other side has ended this stream. */
  isOver(stream: number): boolean {
    const answer = this.#answers.get(stream);
    return answer !== undefined && (answer.ended || answer.reset !== undefined);
  }

  /** Reads nothing more, so that the other side's writes fill up. */
  pause(): void {
    this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  /** Says that nothing more will be sent. */
  end(): void {
    this.#socket.end();
  }

  close(): void {
    this.#socket.destroy();
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  received(stream: number): number {
    return this.#answers.get(stream)?.received ?? 0;
  }

  nextProbeStream(): number {
    this.#nextProbe += 2;
    return this.#nextProbe - 2;
  }

  /** How the other side ended this stream, or the connection: as HostileCase.expected says. */
  reaction(stream: number, options: { readonly firstMessage?: boolean } = {}): Promise<string> {
    return this.#until(() => {
      const answer = this.#answers.get(stream);
      const told = answer && toldIn(answer);
      if (told !== undefined && (answer!.ended || answer!.reset !== undefined)) return told;
      if (answer?.reset !== undefined) return `RST_STREAM ${ERROR_NAMES[answer.reset]}`;
      if (options.firstMessage && answer !== undefined && answer.received > 0) return 'OK';
      return this.#end();
    });
  }

  /** How the connection ended. */
  ended(): Promise<string> {
    return this.#until(() => this.#end());
  }

  #end(): string | undefined {
    if (this.#goaway !== undefined && this.#goaway !== NO_ERROR) return `GOAWAY ${ERROR_NAMES[this.#goaway]}`;
    return this.#isClosed ? 'closed' : undefined;
  }

  #until(condition: () => string | undefined): Promise<string> {
    return new Promise((resolve) => {
      const look = (): void => {
        const found = condition();
        if (found !== undefined) settle(found);
      };
      const settle = (found: string): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(found);
      };
      const timer = setTimeout(() => settle(`nothing within ${WAIT_MS / 1000} s`), WAIT_MS);
      this.#waiting.add(look);
      look();
    });
  }

  #tell(): void {
    for (const look of [...this.#waiting]) look();
  }

  #take(chunk: Buffer): void {
    this.#unread = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    while (this.#unread.length - at >= 9) {
      const length = this.#unread.readUIntBE(at, 3);
      if (this.#unread.length - at < 9 + length) break;
      const payload = this.#unread.subarray(at + 9, at + 9 + length);
      this.#takeFrame(this.#unread[at + 3]!, this.#unread[at + 4]!, this.#unread.readUInt32BE(at + 5), payload);
      at += 9 + length;
    }
    this.#unread = this.#unread.subarray(at);
    this.#tell();
  }

  #takeFrame(type: number, flags: number, stream: number, payload: Buffer): void {
    if (type === TYPE.SETTINGS && (flags & FLAG.ACK) === 0) this.#answer(frame(TYPE.SETTINGS, FLAG.ACK, 0));
    else if (type === TYPE.PING && (flags & FLAG.ACK) === 0) this.#answer(frame(TYPE.PING, FLAG.ACK, 0, payload));
    else if (type === TYPE.GOAWAY) this.#goaway = payload.readUInt32BE(4);
    else if (type === TYPE.WINDOW_UPDATE) {
      this.#windows.set(stream, (this.#windows.get(stream) ?? WINDOW_BYTES) + payload.readUInt32BE(0));
    }
    if (stream === 0 || type === TYPE.WINDOW_UPDATE) return;
    const answer = this.#answers.get(stream) ?? { headers: new Map(), received: 0, ended: false, reset: undefined };
    this.#answers.set(stream, answer);
    if (type === TYPE.HEADERS) for (const [name, value] of decodeHeaders(payload)) answer.headers.set(name, value);
    else if (type === TYPE.DATA) answer.received += payload.length;
    else if (type === TYPE.RST_STREAM) answer.reset = payload.readUInt32BE(0);
    if ((type === TYPE.HEADERS || type === TYPE.DATA) && (flags & FLAG.END_STREAM) !== 0) answer.ended = true;
  }

  #answer(bytes: Buffer): void {
    if (this.polite && !this.#socket.destroyed) this.#socket.write(bytes);
  }
}

/** "INVALID_ARGUMENT INVALID_FIELD key", "RESOURCE_EXHAUSTED LIMIT_EXCEEDED keys", "OK", "HTTP 415". */
function toldIn({ headers }: Answer): string | undefined {
  const code = headers.get('grpc-status');
  const http = headers.get(':status');
  if (code === undefined) return http === undefined || http === '200' ? undefined : `HTTP ${http}`;
  const details = Buffer.from(headers.get('grpc-status-details-bin') ?? '', 'base64');
  const parts: string[] = [Code[Number(code)] ?? code];
  for (const { typeUrl, value } of Status.decode(details).details) {
    if (typeUrl.endsWith('/google.rpc.ErrorInfo')) {
      const { reason, metadata } = ErrorInfo.decode(value);
      parts.push(reason, ...(metadata.has('limit') ? [metadata.get('limit')!] : []));
    } else if (typeUrl.endsWith('/google.rpc.BadRequest')) {
      const fields = BadRequest.decode(value).fieldViolations.map(({ field }) => field);
      parts.push([...new Set(fields)].sort().join(', '));
    }
  }
  return parts.filter((part) => part !== '').join(' ');
}
