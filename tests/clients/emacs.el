;;; A crash in Emacs: dap-mode over `coroner dap`, as docs/ide.md sets it up.
;;
;; Runs in a batch Emacs. CORONER, DUMP, ELF and SOURCES come from the environment; each line that is printed to
;; standard output is one thing that a user would see.

(package-initialize)
(require 'dap-mode)
(setq dap-auto-configure-features nil)

(defun told (&rest words)
  "Print WORDS as a line."
  (princ (concat (mapconcat (lambda (word) (format "%s" word)) words " ") "\n")))

(defun wait-until (ready)
  "Wait until READY returns something, at most 20 s."
  (let ((rounds 0))
    (while (and (not (funcall ready)) (< rounds 200))
      (accept-process-output nil 0.1)
      (setq rounds (1+ rounds)))
    (funcall ready)))

(dap-register-debug-provider
 "coroner"
 (lambda (conf) (plist-put conf :dap-server-path (list (getenv "CORONER") "dap"))))

(defvar stops 0 "How often the device stopped.")
(add-hook 'dap-stopped-hook (lambda (_session) (setq stops (1+ stops))))

(dap-debug (list :type "coroner" :request "attach" :name "Crash"
                 :dump (getenv "DUMP") :elf (getenv "ELF") :sourceDirs (vector (getenv "SOURCES"))))

(defun frame ()
  "The frame that is looked at."
  (let ((session (dap--cur-session)))
    (and session (dap--debug-session-active-frame session))))

(defun here ()
  "Where that is, and where the cursor stands."
  (with-current-buffer (window-buffer (selected-window))
    (told "frame" (gethash "name" (frame)) (gethash "line" (frame))
          (and (buffer-file-name) (file-name-nondirectory (buffer-file-name))) (line-number-at-pos))))

(wait-until #'frame)
(here)
(dap-up-stack-frame 1)
(here)
(let ((session (dap--cur-session)) (answer nil))
  (dap--send-message
   (dap--make-request "evaluate" (list :expression "*settings" :frameId (gethash "id" (frame)) :context "hover"))
   (lambda (response) (setq answer response))
   session)
  (wait-until (lambda () answer))
  (told "value" (gethash "result" (gethash "body" answer)))
  (let ((before stops))
    (dap-continue session (dap--debug-session-thread-id session))
    (wait-until (lambda () (and (> stops before) (frame))))
    (here))
  (dap-disconnect session)
  (wait-until (lambda () (not (dap--session-running session))))
  (told "ended" (not (dap--session-running session))))
