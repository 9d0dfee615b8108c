import {generate} from 'selfsigned';

/** A key and a certificate for localhost, signed by itself, as PEM. */
export async function selfSigned(): Promise<{key: string; cert: string}> {
  const {private: key, cert} = await generate([{name: 'commonName', value: 'localhost'}], {keyType: 'ec'});
  return {key, cert};
}
