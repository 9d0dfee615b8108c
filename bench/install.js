// Installs what the benchmarks compare with, where that has not been done yet or the lockfile has changed since.
import {execFileSync} from 'node:child_process';
import {statSync} from 'node:fs';
import {fileURLToPath} from 'node:url';

const folder = fileURLToPath(new URL('.', import.meta.url));
const changedAt = file => statSync(folder + file, {throwIfNoEntry: false})?.mtimeMs ?? 0;

if (changedAt('node_modules/.package-lock.json') < changedAt('package-lock.json'))
  execFileSync('npm', ['ci', '--prefix', folder, '--no-audit', '--no-fund'], {stdio: 'inherit'});
