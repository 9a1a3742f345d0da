/* coroner find|print|send|erase */
#include "internal.h"

#if __has_include(<zephyr/shell/shell.h>)
#include <zephyr/shell/shell.h>
#else
#include <shell/shell.h>
#endif

static bool found(const struct shell *shell, const coroner_store **store, coroner_stored *dump)
{
	if (coroner_zephyr_find(store, dump) == CORONER_YES) {
		return true;
	}
	shell_print(shell, "no dump");
	return false;
}

static int cmd_find(const struct shell *shell, size_t argc, char **argv)
{
	const coroner_store *store;
	coroner_stored dump;

	ARG_UNUSED(argc);
	ARG_UNUSED(argv);
	if (found(shell, &store, &dump)) {
		shell_print(shell, "a dump of %u bytes in %s%s", (unsigned int)dump.length, store == &coroner_kept ? "RAM" : "the flash",
			    dump.truncated ? ", not all of what it was to hold" : "");
	}
	const coroner_boots *boots = coroner_zephyr_boots();

	shell_print(shell, "%u starts, %u crashes, %u in a row", (unsigned int)boots->starts, (unsigned int)boots->crashes,
		    (unsigned int)boots->crashes_in_a_row);
	return 0;
}

static bool put(void *context, const uint8_t *text, size_t len)
{
	shell_fprintf((const struct shell *)context, SHELL_NORMAL, "%.*s", (int)len, (const char *)text);
	return true;
}

static int cmd_print(const struct shell *shell, size_t argc, char **argv)
{
	const coroner_store *store;
	coroner_stored dump;

	ARG_UNUSED(argc);
	ARG_UNUSED(argv);
	return found(shell, &store, &dump) && coroner_print(store, &dump, put, (void *)shell) ? 0 : -1;
}

static int cmd_send(const struct shell *shell, size_t argc, char **argv)
{
	static const char *const words[] = { "no dump", "sent", "no way out is set, or it failed" };
	uint8_t answer = coroner_zephyr_send();

	ARG_UNUSED(argc);
	ARG_UNUSED(argv);
	shell_print(shell, "%s", words[answer]);
	return answer == CORONER_ERROR ? -1 : 0;
}

static int cmd_erase(const struct shell *shell, size_t argc, char **argv)
{
	bool erased = coroner_zephyr_erase();

	ARG_UNUSED(argc);
	ARG_UNUSED(argv);
	shell_print(shell, erased ? "no dump is left" : "the store failed");
	return erased ? 0 : -1;
}

SHELL_STATIC_SUBCMD_SET_CREATE(commands,
	SHELL_CMD(find, NULL, "Whether there is a dump, and how often it crashed.", cmd_find),
	SHELL_CMD(print, NULL, "The dump as lines of text, for `coroner` on the host.", cmd_print),
	SHELL_CMD(send, NULL, "Sends the dump by the application's way out.", cmd_send),
	SHELL_CMD(erase, NULL, "Forgets all dumps.", cmd_erase),
	SHELL_SUBCMD_SET_END
);
SHELL_CMD_REGISTER(coroner, &commands, "Core dumps of crashes", NULL);
