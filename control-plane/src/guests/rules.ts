/** The rules of guest tools, without any I/O (TOL). */

/** TOL-03/04: without healthy tools the availability of a running instance cannot be measured. Off is not absent (TOL-05). */
export function slaSuspended(toolsState: string): boolean {
  return toolsState === 'absent' || toolsState === 'disabled';
}
