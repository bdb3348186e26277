// An ESME made of the `smpp` package: sends COUNT texts with receipts to PORT, prints what came back as JSON.
'use strict';
const [modules, port, count] = process.argv.slice(2);
const smpp = require(modules + '/smpp');

const total = Number(count);
const accepted = [];
const refused = [];
const receipts = {};
let next = 0;

const session = smpp.connect({ url: 'smpp://127.0.0.1:' + port });
session.on('error', (error) => { console.error(String(error)); process.exit(1); });

function submit() {
  if (next >= total) return;
  const number = next++;
  session.submit_sm({
    source_addr_ton: 1, source_addr_npi: 1, source_addr: '12025550190',
    dest_addr_ton: 1, dest_addr_npi: 1, destination_addr: '1310555' + (2000 + number),
    short_message: 'text ' + number, registered_delivery: 1,
  }, (pdu) => {
    (pdu.command_status === 0 ? accepted : refused).push(pdu.message_id || String(pdu.command_status));
    finish();
    submit();
  });
}

session.on('deliver_sm', (pdu) => {
  const text = pdu.short_message.message || pdu.short_message;
  const found = /id:(\S+) .*stat:(\S+)/.exec(String(text));
  receipts[found[1]] = [found[2], pdu.receipted_message_id, pdu.message_state];
  session.send(pdu.response());
  finish();
});

function finish() {
  if (accepted.length + refused.length < total || Object.keys(receipts).length < accepted.length) return;
  session.unbind(() => {
    const report = JSON.stringify({ accepted, refused, receipts });
    process.stdout.write(report, () => session.destroy(() => process.exit(0)));
  });
}

session.on('connect', () => {
  session.bind_transceiver({ system_id: 'guest', password: 'guest' }, (pdu) => {
    if (pdu.command_status !== 0) { console.error('bind refused', pdu.command_status); process.exit(1); }
    for (let slot = 0; slot < 50; slot++) submit();
  });
});
