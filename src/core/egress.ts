import { type LookupAddress, type LookupOptions, lookup } from 'node:dns';
import { BlockList, isIP } from 'node:net';

/** What an error carries when a name stands for nothing but link-local addresses. */
export const linkLocalCode = 'ERR_LINK_LOCAL';

/** 169.254.0.0/16 and fe80::/10, also as IPv4 in IPv6: machines in a cloud find their own credentials there. */
const linkLocal = new BlockList();
linkLocal.addSubnet('169.254.0.0', 16, 'ipv4');
linkLocal.addSubnet('fe80::', 10, 'ipv6');

/** True for a link-local address, as a URL names it or as it is; false for any name. */
export function isLinkLocal(host: string): boolean {
  const address = host.replace(/^\[(.*)\]$/, '$1').replace(/%.*$/, '');
  const family = isIP(address);
  return family !== 0 && linkLocal.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

type Found = string | LookupAddress[];
type Callback = (error: NodeJS.ErrnoException | null, address: Found, family?: number) => void;

/** `dns.lookup` without link-local addresses: whoever controls DNS decides what a configured name resolves to. */
export function lookupBeyondLink(hostname: string, options: LookupOptions, callback: Callback): void {
  lookup(hostname, options, (error, found: Found, family) => {
    if (error !== null) return callback(error, found, family);
    const allowed = typeof found === 'string' ? found : found.filter(({ address }) => !isLinkLocal(address));
    if (typeof allowed === 'string' ? !isLinkLocal(allowed) : allowed.length > 0) {
      return callback(null, allowed, family);
    }
    callback(Object.assign(new Error(`${hostname} is a link-local address`), { code: linkLocalCode }), found, family);
  });
}
