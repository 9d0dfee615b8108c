// What npm runs in a clone: where this is installed from git, or packed, it has to be built, and what is packed is bundled. After
// `npm ci` every command builds by itself, so there it would be built twice.
import {execSync} from 'node:child_process';

const command = process.env.npm_command ?? '';
const run = line => execSync(line, {stdio: ['ignore', 'ignore', 'inherit']});

if (!/^(?:ci|cit|install-ci-test)$/.test(command)) run('npm run --silent build');
if (/^(?:pack|publish)$/.test(command)) run('node .ci/bundle.js');
