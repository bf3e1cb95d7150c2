import { type HostInVault, overviewOf, type PullInVault } from '../../../backup/vault/overview.ts'
import type { Vault } from '../../../config/vault.ts'
import { count } from '../../../count.ts'
import { formatBytes } from '../../../units.ts'
import { type Html, html, nothing } from '../look/html.ts'
import { agoTag, plainText } from '../look/words.ts'

/** The hosts that send to this machine, where it is a vault: what it has of each, and what is odd. */
export function vaultHosts(vault: Vault | undefined, now: number): Html {
  if (!vault) return nothing
  const hosts = overviewOf(vault, Object.keys(vault.hosts))
  return html`<section aria-labelledby="vault"><h2 id="vault">In the vault</h2>
${hosts.length === 0 ? html`<p>No host may send yet: <code data-copy>hdsync vault add-host NAME</code></p>` : hosts.map((host) => hostOf(host, now))}</section>`
}

function hostOf(
  { host, prepared, record, usedBytes, quotaBytes, sources, pull }: HostInVault,
  now: number,
): Html {
  if (!prepared)
    return html`<h3>${host}</h3><p class="late">The vault is not prepared for it: <code data-copy>hdsync vault add-host ${host}</code></p>`
  const used = `${formatBytes(usedBytes)}${quotaBytes === null ? '' : ` of ${formatBytes(quotaBytes)}`}`
  return html`<h3>${host}</h3>
<p>Its copies take ${used}.${record === null ? nothing : html` <span class="failed">Its record is damaged: ${plainText(record)}. None of its copies goes.</span>`}</p>
${pull ? pulled(host, pull, now) : nothing}
${sources.map(remarkOf(host))}
${sources.length === 0 ? nothing : tableOf(sources, now)}`
}

function pulled(host: string, { ssh, goodAt, error, passes, overdue }: PullInVault, now: number): Html {
  return html`<p>The vault fetches from ${ssh}; it had everything ${goodAt === null ? 'never' : agoTag(Date.parse(goodAt), now)}.</p>
${overdue ? html`<p class="late">Nothing has come for too long.</p>` : nothing}
${error === null ? nothing : html`<p class="${passes ? 'unknown' : 'failed'}">${plainText(error)}. To fetch now: <code data-copy>hdsync vault pull ${host}</code></p>`}`
}

function tableOf(sources: HostInVault['sources'], now: number): Html {
  return html`<table><thead><tr><th scope="col">Source<th scope="col" class="number">Copies<th scope="col" class="number">Different<th scope="col" class="number">Size<th scope="col">Arrived</tr></thead><tbody>
${sources.map(
  ({ source, copies, different, sizeBytes, lastAt }) => html`<tr><th scope="row">${source}
<td data-head="Copies" class="number">${count(copies)}
<td data-head="Different" class="number">${count(different)}
<td data-head="Size" class="number">${formatBytes(sizeBytes)}
<td data-head="Arrived">${lastAt === null ? 'never' : agoTag(Date.parse(lastAt), now)}</tr>
`,
)}</tbody></table>`
}

function remarkOf(host: string) {
  return ({ source, odd, damaged }: HostInVault['sources'][number]): Html =>
    html`${
      odd === null
        ? nothing
        : html`<p class="late">${source} is odd: ${plainText(odd.reasons.join('; '))}. None of its older copies goes. If it was meant: <code data-copy>hdsync vault release ${host} ${source}</code></p>`
    }${damaged === 0 ? nothing : html`<p class="failed">Of ${source}, ${count(damaged)} damaged: look after the disk.</p>`}`
}
