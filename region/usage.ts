/** What `./bastide help` prints. */
export const usage = `usage: ./bastide <command> [options]

  up        start the region, or what is missing of it
              --detach          return when it is ready
              --json            print how it is reached as one JSON object
              --simulated       simulated hosts, arrays and network; no root needed
              --topology FILE   ports, hosts, pools, organisations (docs/operations.md)
  status    every process with its health, ports and versions  [--json]
  down      stop what up started  [--keep-guests]
  destroy   stop the region and remove its state  [--yes]
  check     compare the database with hosts, arrays and OVN  [--json]
  image     build, import, list and publish images (./bastide image help)
  test      run the whole test suite
  bench     measure  [--json FILE]

  --state DIR   state folder; /var/lib/bastide for root, ~/.local/state/bastide else
`;
