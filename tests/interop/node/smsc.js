// node's `smpp` package as an SMSC: accepts every submit_sm, then delivers a receipt on the same bind.
// node smsc.js MODULES  →  first line: the port
'use strict';
const path = require('path');
const smpp = require(path.join(process.argv[2], 'smpp'));

let count = 0;
const server = smpp.createServer((session) => {
  session.on('bind_transceiver', (pdu) => {
    const ok = pdu.system_id === 'gateway' && pdu.password === 'secret';
    session.send(pdu.response(ok ? { system_id: 'node' } : { command_status: smpp.ESME_RINVPASWD }));
  });
  session.on('submit_sm', (pdu) => {
    count += 1;
    const id = `node-${count}`;
    session.send(pdu.response({ message_id: id }));
    session.deliver_sm({
      source_addr: pdu.destination_addr,
      destination_addr: pdu.source_addr,
      esm_class: 4,
      short_message: `id:${id} sub:001 dlvrd:001 submit date:2611210900 done date:2611210901 stat:DELIVRD err:000 text:`,
      receipted_message_id: id,
      message_state: 2,
    });
  });
  session.on('enquire_link', (pdu) => session.send(pdu.response()));
  session.on('unbind', (pdu) => { session.send(pdu.response()); session.close(); });
  session.on('error', () => {});
});
server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
