// One contestant in a process of its own: `node server.js FILE OPTIONS LATENCY`, started by races.js.
const [file, options, latency] = process.argv.slice(2);
const {listen} = await import(file);
const {port, calls} = await listen(JSON.parse(options), Number(latency));

process.on('message', () => process.send({...calls}));
process.on('disconnect', () => process.exit());
process.send({port});
