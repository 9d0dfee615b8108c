import {peer} from '../peer.ts';

interface SelfSigned {
  readonly generate: (
    attributes: readonly object[],
    options: object,
  ) => Promise<{readonly private: string; readonly cert: string}>;
}

/** A key and a certificate of this machine, signed by itself, as PEM. Throws `PACKAGE_MISSING` without `selfsigned`. */
export async function certificate(): Promise<{readonly key: string; readonly cert: string}> {
  const {generate} = peer('selfsigned', 'espalier dev --https', '-D ') as SelfSigned;
  const names = {
    name: 'subjectAltName',
    altNames: [
      {type: 2, value: 'localhost'},
      {type: 7, ip: '127.0.0.1'},
    ],
  };
  const {private: key, cert} = await generate([{name: 'commonName', value: 'localhost'}], {
    keyType: 'ec',
    extensions: [names],
  });
  return {key, cert};
}
