// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.37;

import {EpochEmission} from "../../../src/interfaces/IEmission.sol";
import {Books, PayerBook} from "./Books.sol";

/// @notice The chain against the books, by the numbers of the invariants: emission, tokens, rewards and escrow.
contract MoneyChecks is Books {
    uint256 private constant MAX_SUPPLY = 22_300_000e18;

    function checkMoney() external view {
        invariant_01_theScheduleStaysUnderTheMaximum();
        invariant_02_netEmissionIsNoMoreThanWasBurned();
        invariant_03_supplyIsGenesisAndEmissionLessBurns();
        invariant_04_iosdIsWhatWasMintedLessWhatWasSpent();
        invariant_05_poolAndDebitsGoWhereTheyShould();
        invariant_08_rewardsAreFunded();
        invariant_09_leavesNeverFall();
        invariant_10_holdsFitTheFreeDeposit();
        invariant_11_theEscrowHasWhatItOwes();
        invariant_12_whatIsUnsettledCanStillBeDebited();
        invariant_13_hiresArePaidFromTheirPart();
        invariant_15_whatWasUsedIsTakenOnce();
    }

    function invariant_01_theScheduleStaysUnderTheMaximum() private view {
        (uint256 total,) = emission.totals();
        require(total == scheduled, "invariant 01: another schedule");
        require(total == scheduleUntil(uint256(nextEpoch) * EPOCH_SEC), "invariant 01: epochs do not add up");
        require(GENESIS + total <= MAX_SUPPLY, "invariant 01: more than the maximum");
    }

    function invariant_02_netEmissionIsNoMoreThanWasBurned() private view {
        (, uint256 total) = emission.totals();
        require(total == net, "invariant 02: another net emission");
        require(total <= burner.totalBurned(), "invariant 02: more than was burned");
        uint64 epoch = currentEpoch();
        require(burner.burnedIn(epoch) == burnedIn[epoch], "invariant 02: other burns in this epoch");
        EpochEmission memory next = emission.emissionOf(nextEpoch);
        require(next.burned == burnedIn[nextEpoch], "invariant 02: other burns in the next epoch");
        require(next.net <= next.burned && next.net <= next.cap, "invariant 02: more than the cap");
        require(next.net == netOf(nextEpoch), "invariant 02: another net emission in the next epoch");
    }

    function invariant_03_supplyIsGenesisAndEmissionLessBurns() private view {
        require(io.totalSupply() == supplyOf(), "invariant 03: another supply");
        require(burner.totalBurned() == burned, "invariant 03: other burns");
        require(io.totalSupply() <= MAX_SUPPLY, "invariant 03: more than the maximum");
    }

    function invariant_04_iosdIsWhatWasMintedLessWhatWasSpent() private view {
        require(iosd.totalSupply() == iosdMinted - iosdSpent, "invariant 04: another supply of IOSD");
        uint256 sum = iosd.balanceOf(address(escrow)) + iosd.balanceOf(ALICE);
        for (uint256 i = 0; i < PEOPLE; ++i) {
            sum += iosd.balanceOf(people[i]);
        }
        for (uint256 i = 0; i < HOSTILES; ++i) {
            sum += iosd.balanceOf(hostiles[i]);
        }
        require(sum == iosd.totalSupply(), "invariant 04: IOSD where it cannot be");
    }

    function invariant_05_poolAndDebitsGoWhereTheyShould() private view {
        require(settlement.reserve() == reserve, "invariant 05: another reserve");
        require(
            io.balanceOf(address(settlement)) == reserve + donated[address(settlement)][IO_ASSET],
            "invariant 05: the reserve is not there"
        );
        if (nextEpoch == 0) return;
        require(
            last.pool + last.debitIo + last.reserveBefore
                == last.hired + last.availability + last.passedOn + reserve + last.released,
            "invariant 05: the identity of the last epoch"
        );
    }

    function invariant_08_rewardsAreFunded() private view {
        require(distributor.funded() == funded, "invariant 08: another sum of rewards");
        require(distributor.claimed() == claimed && claimed <= funded, "invariant 08: other claims");
        require(
            io.balanceOf(address(distributor)) == funded - claimed + donated[address(distributor)][IO_ASSET],
            "invariant 08: the distributor does not have what it owes"
        );
    }

    function invariant_09_leavesNeverFall() private view {
        require(distributor.root() == rewardRoot, "invariant 09: another reward root");
        require(escrow.debits().root == debitRoot, "invariant 09: another debit root");
        for (uint256 i = 0; i < PEOPLE; ++i) {
            uint256 sum = distributor.claimedBy(people[i]);
            require(sum == paid[people[i]], "invariant 09: another claim");
            require(sum <= earned[people[i]], "invariant 09: a leaf is below what was paid");
        }
    }

    function invariant_10_holdsFitTheFreeDeposit() private view {
        for (uint256 i = 0; i < PAYERS; ++i) {
            for (uint8 asset = IO_ASSET; asset <= IOSD_ASSET; ++asset) {
                PayerBook storage one = book[people[i]][asset];
                if (one.wasStale) continue;
                uint256 free = leftOf(people[i], asset);
                require(
                    openOf(people[i], asset) + one.unsettled <= free, "invariant 10: holds above the deposit"
                );
            }
        }
    }

    function invariant_11_theEscrowHasWhatItOwes() private view {
        uint256[3] memory owed;
        for (uint256 i = 0; i < PAYERS; ++i) {
            for (uint8 asset = IO_ASSET; asset <= IOSD_ASSET; ++asset) {
                PayerBook storage one = book[people[i]][asset];
                require(
                    keccak256(abi.encode(escrow.accountOf(people[i], asset)))
                        == keccak256(
                            abi.encode(
                                one.deposited,
                                one.withdrawn,
                                one.requested,
                                one.requested == 0 ? 0 : one.requestEpoch,
                                one.requested == 0 ? 0 : one.requestedAt
                            )
                        ),
                    "invariant 11: another account of a payer"
                );
                owed[asset] += leftOf(people[i], asset);
            }
        }
        require(
            escrow.held(IO_ASSET) == owed[IO_ASSET] && escrow.held(IOSD_ASSET) == owed[IOSD_ASSET],
            "invariant 11: held is not what is owed"
        );
        address self = address(escrow);
        require(
            io.balanceOf(self) == owed[IO_ASSET] + donated[self][IO_ASSET]
                && iosd.balanceOf(self) == owed[IOSD_ASSET] + donated[self][IOSD_ASSET],
            "invariant 11: the escrow does not have what it owes"
        );
        require(
            escrow.debits().io == debited[IO_ASSET] && escrow.debits().iosd == debited[IOSD_ASSET],
            "invariant 11: other debits"
        );
        require(escrow.debits().rootEpochs == rootEpochs, "invariant 11: a root of other epochs");
    }

    function invariant_12_whatIsUnsettledCanStillBeDebited() private view {
        uint256[3] memory unsettled;
        for (uint256 i = 0; i < PAYERS; ++i) {
            for (uint8 asset = IO_ASSET; asset <= IOSD_ASSET; ++asset) {
                if (book[people[i]][asset].wasStale) return;
                unsettled[asset] += book[people[i]][asset].unsettled;
            }
        }
        require(
            unsettled[IO_ASSET] <= escrow.held(IO_ASSET) && unsettled[IOSD_ASSET] <= escrow.held(IOSD_ASSET),
            "invariant 12: a withdrawal outran settlement"
        );
    }

    function invariant_13_hiresArePaidFromTheirPart() private view {
        require(last.hired + last.availability <= last.pool, "invariant 13: more than the pool was paid");
    }

    /// @dev Replays are in the hostile handlers; this is that each charge is debited once.
    function invariant_15_whatWasUsedIsTakenOnce() private view {
        uint256 io_;
        uint256 iosd_;
        for (uint256 i = 0; i < PAYERS; ++i) {
            io_ += book[people[i]][IO_ASSET].debited;
            iosd_ += book[people[i]][IOSD_ASSET].debited;
        }
        require(
            escrow.debits().io == io_ && escrow.debits().iosd == iosd_,
            "invariant 15: debits are not the charges"
        );
        require(settlement.nextAttempt() == nextAttempt, "invariant 15: another attempt");
    }
}
