// Writes docs/performance.md of what was measured the last time: node bench/report.js
import {writeFileSync} from 'node:fs';
import {fileURLToPath} from 'node:url';
import {format} from 'prettier';
import {bare, espalier, everyone, mounted, together} from './contenders.js';
import {readResults} from './results.js';
import {isProgram, table, tableOf} from './table.js';
import {workloads} from './workloads.js';

const page = new URL('../docs/performance.md', import.meta.url);

const number = (value, digits) => (value === undefined ? '' : value.toFixed(digits));
const grouped = value => Math.round(value).toLocaleString('en');

/** The rows of a workload, by who takes part. */
const byName = ({rows = []} = {}) => new Map(rows.map(row => [row.name, row]));

const shared = Object.keys(workloads).filter(id => !workloads[id].isOurs);

/** A figure of every contender in every workload that all can do. */
function peerTable(results, cell) {
  const measured = shared.filter(id => results[id]);
  const names = everyone.map(({name}) => name).filter(name => measured.some(id => byName(results[id]).has(name)));
  const rows = names.map(name => [name, ...measured.map(id => cellOf(byName(results[id]).get(name), cell))]);
  return table(['', ...measured.map(id => workloads[id].title)], rows);
}

const cellOf = (row, cell) => (row ? cell(row) : '');

const ours = ({rows}) => rows.find(({name}) => name === espalier.name);

function reached(ratio, {bar, aim = Infinity}) {
  if (bar === undefined) return '';
  if (ratio >= aim) return 'aim';
  return ratio >= bar ? 'bar' : 'neither';
}

/** Who does the same with the same sending, or else the first. */
const besideOurs = ({rows}) => rows.find(({name}) => name === together.name) ?? rows[0];

/** Espalier beside who does the same by hand in each workload. */
function barTable(results) {
  const measured = Object.entries(workloads).filter(([id]) => results[id]);
  const rows = measured.map(([id, workload]) => {
    const first = besideOurs(results[id]);
    const {cpu, ratio: toFirst} = ours(results[id]);
    const ratio = toFirst / first.ratio;
    const figures = [
      number(first.cpu, 1),
      number(cpu, 1),
      number(ratio, 2),
      number(workload.bar, 2),
      number(workload.aim, 2),
    ];
    return [workload.title, first.name, ...figures, reached(ratio, workload)];
  });
  return table(['', 'beside', 'its µs', 'Espalier’s µs', 'ratio', 'bar', 'aim', 'reached'], rows);
}

const isOurs = name => everyone.find(contender => contender.name === name)?.ours;

/** How many times as fast Espalier is as the fastest peer, in each workload where it holds itself to that. */
function leadTable(results) {
  const measured = Object.entries(workloads).filter(([id, {lead}]) => lead && results[id]?.rows.length > 2);
  const rows = measured.map(([id, {title, lead}]) => {
    const {ratio, cpu} = ours(results[id]);
    const peers = results[id].rows.filter(({name}) => !isOurs(name));
    const [fastest] = peers.toSorted((one, other) => other.ratio - one.ratio);
    const times = ratio / fastest.ratio;
    const figures = [
      number(fastest.cpu, 1),
      number(cpu, 1),
      number(times, 2),
      number(lead.bar, 1),
      number(lead.aim, 1),
    ];
    return [title, fastest.name, ...figures, reached(times, lead)];
  });
  return table(['', 'fastest peer', 'its µs', 'Espalier’s µs', 'times as fast', 'bar', 'aim', 'reached'], rows);
}

function section({title, rows, notes}) {
  return [`### ${title}`, tableOf(rows), notes.map(note => `- ${note}`).join('\n')].join('\n\n');
}

/** What the results say of one thing, each answer once. */
const said = (results, key) => [...new Set(Object.values(results).flatMap(result => result[key] ?? []))].join(' and ');

function nodeSection(results) {
  const parts = [`## Node ${said(results, 'node').replaceAll('v', '')}`];
  if (shared.some(id => results[id]))
    parts.push(
      `CPU time of ${bare.name} as a part of each one’s own, in the same round: 1.00 is as fast. In brackets, microseconds for a request.`,
      peerTable(results, ({ratio, cpu}) => `${number(ratio, 2)} (${number(cpu, 0)})`),
      'Requests per second, and the slowest of a hundred in milliseconds, with 64 connections that never rest:',
      peerTable(results, ({perSecond, p99}) => `${grouped(perSecond)} (${number(p99, 0)})`),
    );
  parts.push('Against what the project holds itself to:', barTable(results));
  parts.push('How many times as fast as the fastest of the peers, by the ratios:', leadTable(results));
  for (const id of ['start', 'stored', 'live']) if (results[id]) parts.push(section(results[id]));
  return parts.join('\n\n');
}

/** Writes the page. */
export async function writePage() {
  const all = readResults();
  const majors = Object.keys(all).toSorted();
  if (majors.length === 0) throw new Error('Nothing has been measured yet: npm run bench');
  const everything = majors.flatMap(major => Object.values(all[major]));
  const rounds = everything.flatMap(({plan}) => (plan ? [`${plan.rounds} rounds of ${plan.seconds} s`] : []));
  const isBrief = everything.some(({plan}) => plan?.processes === 1);
  const versions = [...new Set(everything.flatMap(result => result.versions ?? []))].join(', ');
  const when = majors.map(major => `${said(all[major], 'date')} (Node ${major})`).join(', ');
  const text = `# Performance

Measured by \`npm run bench -- --write\`, which wrote this page, on ${when}: ${said(everything, 'machine')}; load by ${said(everything, 'generator')}. Anyone can run it; it takes an hour or more, with \`--brief\` half of that, and the machine should have nothing else to do.

How it is measured: each workload has a server process of its own for each contender, which answers for 12 seconds or more before anything is timed, and then has one core to itself while the load has the other. The contenders take turns, A B C A B C, so that what else the machine does meets all of them alike, in ${[...new Set(rounds)].join(' or ')}. A figure is the median of its rounds. The ratio is of CPU time, since load and neighbours disturb that least; a ratio is good to about a tenth${isBrief ? ', but in a run as brief as this one to a quarter' : ''}.

${bare.name} is a server that does the same by hand, with nothing in between, as carefully as we know how to: [bench/peers/bare.js](../bench/peers/bare.js). It leaves Node’s server as it is and sends each answer at once. Espalier’s own server turns on \`optimizeEmptyRequests\`, which Node 24 has, and sends the answers of one turn of the event loop together; since the load is on the same machine, that wakes it less often. ${together.name} is the bare server with both, and what Espalier is held to. ${mounted.name} is the same site with neither, as \`createServer(site.handler)\`. Each of the others is in a file beside it, with sessions in its own process’s memory that begin when they are first used and end 15 minutes after they were last: ${versions}. What is compared in each workload, and why that is fair, is told in [bench/README.md](../bench/README.md).

${majors.map(major => nodeSection(all[major])).join('\n\n')}
`;
  writeFileSync(page, await format(text, {parser: 'markdown', printWidth: 128, proseWrap: 'always'}));
  console.log(`Written: ${fileURLToPath(page)}`);
}

if (isProgram(import.meta.url)) await writePage();
