import {createClient, createCluster} from 'redis';
import {until} from '../until.ts';
import {freePort, RedisServer} from './redis-server.ts';

const slots = 16_384;

type Admin = Awaited<ReturnType<typeof connect>>;

async function connect({url}: RedisServer) {
  const client = createClient({url, socket: {reconnectStrategy: 100}});
  client.on('error', () => {});
  await client.connect();
  return client;
}

/** A cluster of three nodes, each with a third of the slots; one more is ready to take the place of the first. */
export class RedisCluster {
  readonly nodes: readonly RedisServer[];
  readonly admins: readonly Admin[];

  private constructor(nodes: readonly RedisServer[], admins: readonly Admin[]) {
    this.nodes = nodes;
    this.admins = admins;
  }

  static async start(): Promise<RedisCluster> {
    const busPorts = await Promise.all([1, 2, 3, 4].map(freePort));
    const options = [
      '--cluster-enabled',
      'yes',
      '--cluster-announce-ip',
      '127.0.0.1',
      '--cluster-node-timeout',
      '1000',
    ];
    const nodes = await Promise.all(busPorts.map(port => RedisServer.start(...options, '--cluster-port', `${port}`)));
    const admins = await Promise.all(nodes.map(connect));
    for (const [i, admin] of admins.slice(0, 3).entries()) {
      const [first, last] = [i, i + 1].map(third => Math.round((third * slots) / 3)) as [number, number];
      await admin.sendCommand(['CLUSTER', 'ADDSLOTSRANGE', `${first}`, `${last - 1}`]);
    }
    for (const [i, {port}] of nodes.entries()) {
      await admins[0]!.sendCommand(['CLUSTER', 'MEET', '127.0.0.1', `${port}`, `${busPorts[i]!}`]);
    }
    const cluster = new RedisCluster(nodes, admins);
    await cluster.#agree(/cluster_known_nodes:4/);
    await admins[3]!.sendCommand(['CLUSTER', 'REPLICATE', await admins[0]!.clusterMyId()]);
    await cluster.#agree(/cluster_state:ok/);
    await until(async () => (await admins[3]!.info('replication')).includes('master_link_status:up'), 'the replica');
    return cluster;
  }

  /** A client as an application would bring it. */
  async client() {
    const client = createCluster({
      rootNodes: this.nodes.slice(1, 3).map(({url}) => ({url})),
      defaults: {disableOfflineQueue: true, socket: {reconnectStrategy: 100}},
      topologyRefreshOnReconnectionAttemptStrategy: 200,
    });
    client.on('error', () => {});
    await client.connect();
    return client;
  }

  /** How many scripts each of the three nodes has run. */
  async scriptsRun(): Promise<number[]> {
    const stats = await Promise.all(this.admins.slice(0, 3).map(async admin => admin.info('commandstats')));
    return stats.map(text => Number(/cmdstat_evalsha:calls=(\d+)/.exec(text)?.[1] ?? 0));
  }

  /** Begin to move the slot of a key to another node; `move` moves what is there, `end` has it be that node's. */
  async migrate(key: string) {
    const slot = await this.admins[0]!.clusterKeySlot(key);
    const from = Math.min(Math.floor((slot * 3) / slots), 2);
    const [source, target] = [this.admins[from]!, this.admins[(from + 1) % 3]!];
    const [sourceId, targetId] = [await source.clusterMyId(), await target.clusterMyId()];
    const set = async (admin: Admin, state: string, id: string) =>
      admin.sendCommand(['CLUSTER', 'SETSLOT', `${slot}`, state, id]);
    await set(target, 'IMPORTING', sourceId);
    await set(source, 'MIGRATING', targetId);
    const {port} = this.nodes[(from + 1) % 3]!;
    return {
      /** Move one key; false where there is none left. */
      move: async () => {
        const [name] = await source.clusterGetKeysInSlot(slot, 1);
        if (name !== undefined) await source.migrate('127.0.0.1', port, name, 0, 5000);
        return name !== undefined;
      },
      end: async () => {
        for (const admin of [target, source, this.admins[(from + 2) % 3]!]) await set(admin, 'NODE', targetId);
      },
    };
  }

  async dispose(): Promise<void> {
    for (const admin of this.admins) admin.destroy();
    await Promise.all(this.nodes.map(node => node.dispose()));
  }

  async #agree(state: RegExp): Promise<void> {
    const agrees = async () =>
      (await Promise.all(this.admins.map(admin => admin.clusterInfo()))).every(info => state.test(info));
    await until(agrees, String(state));
  }
}
