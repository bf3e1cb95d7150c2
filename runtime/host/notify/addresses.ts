import { BlockList, isIPv6 } from 'node:net'

/** Networks that are not the internet. @see IANA, "Special-Purpose Address Registry", IPv4 and IPv6 */
const privateNetworks = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 3],
] as const
const privateNetworks6 = [
  ['::', 127],
  ['64:ff9b:1::', 48],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 9],
  ['ff00::', 8],
] as const

const privateAddresses = new BlockList()
for (const [network, bits] of privateNetworks) {
  privateAddresses.addSubnet(network, bits)
  // The same network as a NAT64 gateway and as an IPv4-mapped address would reach it.
  privateAddresses.addSubnet(`64:ff9b::${network}`, 96 + bits, 'ipv6')
  privateAddresses.addSubnet(`::ffff:${network}`, 96 + bits, 'ipv6')
}
for (const [network, bits] of privateNetworks6) privateAddresses.addSubnet(network, bits, 'ipv6')

/** Whether an IP address is one of this machine, of a private network, or of no single host. */
export function isPrivateAddress(address: string): boolean {
  // A zone (`fe80::1%eth0`) is a matter of link-local addresses, and no part of the address.
  const [bare = ''] = address.split('%')
  return privateAddresses.check(bare, isIPv6(bare) ? 'ipv6' : 'ipv4')
}
