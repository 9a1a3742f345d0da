# Short GDB commands for a session with coroner. Put this into ~/.gdbinit, or type it in GDB:
#
#     source /path/to/coroner/gdbinit
#
# Works with GDB 13 and later, with and without Python. 'help coroner' lists the commands.

define coroner
  if $argc == 0
    target remote :3333
  else
    target remote $arg0
  end
  monitor crash
  monitor notes
end
document coroner
Connect to coroner and say why the device stopped.
Usage: coroner [HOST:PORT]      without an argument :3333

Then type 'help NAME' for what these do:
  crash          why the device stopped, and what it was
  tasks          all tasks with state, priority and stack use
  fault          the fault registers, bit by bit, in words
  eframe         the code that an exception interrupted
  regions        the memory that is known, and what is missing
  notes          everything odd about this dump
  find-word      where a word is in memory
  find-text      where a text is in memory
  revert         drop what this session wrote to memory and registers
end

define crash
  monitor crash
end
document crash
Why the device stopped, what it printed, and which chip and firmware it was.
Usage: crash
Works in a session with coroner; 'help coroner' says how to start one.
end

define tasks
  monitor threads
end
document tasks
All tasks with state, priority, core and stack use; '*' marks the one that crashed.
Usage: tasks
GDB's own 'info threads' shows where each one is, 'thread apply all bt' how it got there.
end

define fault
  monitor fault
end
document fault
The fault and status registers, bit by bit, in words.
Usage: fault
end

define eframe
  monitor frame
end
document eframe
The code that the exception interrupted, from the frame that the hardware stacked.
Usage: eframe
end

define regions
  if $argc == 0
    monitor regions
  else
    monitor regions $arg0
  end
end
document regions
The memory that is known, with who holds it, and what is missing, with the reason.
Usage: regions [ADDRESS]      with an address only the region there
end

define heap
  if $argc == 0
    monitor heap
  else
    monitor heap $arg0
  end
end
document heap
The heaps in the dump: used, free, damaged; with an address what it points into.
Usage: heap [ADDRESS]
end

define objects
  monitor objects
end
document objects
What threads wait for and who holds it; the kernel's queues, locks and timers.
Usage: objects
end

define notes
  monitor notes
end
document notes
Everything odd about this dump: wrong ELF file, bad checksum, cut regions.
Usage: notes
end

define find-word
  monitor find $arg0
end
document find-word
Where a word is in memory, in the target's order of bytes.
Usage: find-word 0xWORD
end

define find-text
  monitor find "$arg0"
end
document find-text
Where a text without spaces is in memory. For others: monitor find "a text"
Usage: find-text TEXT
end

define revert
  monitor revert
  maintenance flush register-cache
  maintenance flush dcache
end
document revert
Drop what this session wrote to memory and registers. The dump was never touched.
Usage: revert
end
