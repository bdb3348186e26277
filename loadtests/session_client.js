// The node `smpp` package as an ESME: a closed loop of submit_sm at a given window.
// node session_client.js PORT WINDOW SECONDS  →  {"messages": n, "seconds": s}
'use strict';
const smpp = require('smpp');

const [port, window, seconds] = process.argv.slice(2).map(Number);
const session = smpp.connect({ url: `smpp://127.0.0.1:${port}` });
const message = {
  source_addr_ton: 1, source_addr_npi: 1, source_addr: '12025550100',
  dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '13105550120',
  registered_delivery: 1, short_message: { message: Buffer.alloc(160, 'x') },
};
let answered = 0;
let started = 0n;

function finish() {
  const spent = Number(process.hrtime.bigint() - started) / 1e9;
  process.stdout.write(JSON.stringify({ messages: answered, seconds: spent }) + '\n');
  process.exit(0);
}

function submit() {
  session.submit_sm(message, () => { answered += 1; submit(); });
}

session.on('connect', () => {
  session.bind_transceiver({ system_id: 'bench', password: 'bench' }, (pdu) => {
    if (pdu.command_status !== 0) process.exit(1);
    started = process.hrtime.bigint();
    setTimeout(finish, seconds * 1000);
    for (let i = 0; i < window; i += 1) submit();
  });
});
session.on('error', () => process.exit(1));
