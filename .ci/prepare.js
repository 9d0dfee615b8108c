// What npm runs in a clone: where this is installed from git, or packed, it has to be built. After `npm ci` every command builds
// by itself, so there it would be built twice.
import {execSync} from 'node:child_process';

if (!/^(?:ci|cit|install-ci-test)$/.test(process.env.npm_command ?? '')) {
  execSync('npm run --silent build', {stdio: 'inherit'});
}
