import type {Request} from './request.ts';

/**
 * Why a request can't be taken for one that this machine sends to itself, as a text that goes on after "because"; or nothing when
 * it is one. A proxy on this machine sends those of the whole world, and often with the host that it was told to send them to.
 */
export function whyNotThisMachine(request: Request): string | undefined {
  const {remoteAddress} = request;
  // Without a connection the host and the headers decide.
  if (remoteAddress !== undefined && !isLoopbackAddress(remoteAddress)) return 'the connection comes from elsewhere';
  if (!isLoopbackHost(request.host ?? '')) return 'the host that it asks for is another';
  if (request.httpVersion === '1.0') return 'it comes in HTTP/1.0, as from a proxy';
  const header = proxyHeaderOf(request);
  if (header !== undefined) return `a proxy has sent it on, as its header ${header} says`;
  return namesOtherHost(request) ? 'it was sent from a page of another host' : undefined;
}

// An IPv4 address can come in the form of an IPv6 one.
function isLoopbackAddress(address: string): boolean {
  return address === '::1' || /^(?:::ffff:)?127\./i.test(address);
}

function isLoopbackHost(host: string): boolean {
  return /^(?:(?:[\w-]+\.)*localhost|127(?:\.\d{1,3}){3}|\[::1\])(?::\d+)?$/i.test(host);
}

const proxyHeaders = [
  'Via',
  'Forwarded',
  'X-Real-IP',
  'X-Client-IP',
  'X-Cluster-Client-IP',
  'True-Client-IP',
  'CF-Connecting-IP',
  'Fly-Client-IP',
  'X-Amzn-Trace-Id',
  'X-Azure-ClientIP',
  'CDN-Loop',
];

/** The name of a header that only a proxy sends. */
function proxyHeaderOf({headers}: Request): string | undefined {
  const known = proxyHeaders.find(name => headers[name.toLowerCase()] !== undefined);
  return known ?? Object.keys(headers).find(name => name.startsWith('x-forwarded-'));
}

/** Whether the browser's page is on another host than this machine, unless the request is openly one from site to site. */
function namesOtherHost({headers}: Request): boolean {
  const {origin, referer} = headers;
  if ((origin ?? referer) === undefined || headers['sec-fetch-site'] === 'cross-site') return false;
  return [origin, referer].some(page => {
    const host = /^https?:\/\/([^/]*)/i.exec(page ?? '')?.[1];
    return host !== undefined && !isLoopbackHost(host);
  });
}
